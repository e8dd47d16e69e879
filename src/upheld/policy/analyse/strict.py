"""The strict check of a policy: each sentence has a rule or is a note, and each example holds.

It is what `upheld check --strict` asks of a file, and what every draft of a version must pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from upheld.core.errors import Fault
from upheld.policy.analyse.review import review
from upheld.policy.examples import wrong_examples
from upheld.policy.load import Policy

NEEDED = "a `rule` block under it, or `{.note}` at its end"
Suggest = Callable[[str, Policy], str]  # what a sentence without a rule may need


class DraftProblem(msgspec.Struct, frozen=True):
    """One thing that keeps a policy from being a draft: its line, what is so, and what to do."""

    line: int
    text: str
    remedy: str = ""
    code: str = ""


def _needed(_sentence: str, _policy: Policy) -> str:
    return NEEDED


def uncovered(policy: Policy, file: str, suggest: Suggest = _needed) -> list[Fault]:
    """Words of a policy that have neither a rule nor a note, in the order of the file."""
    bare = []
    for clause in policy.program.clauses:
        heading = policy.program.clauses[clause.heading].text if clause.heading >= 0 else ""
        if not clause.covered:
            bare.append(
                Fault(
                    file=file,
                    line=clause.line,
                    column=1,
                    code="uncovered",
                    message=f"“{clause.text[:60]}” has neither a rule nor `.note`",
                    clause=heading,
                    expected=suggest(clause.text, policy),
                )
            )
    return [*bare, *_bare_inserts(policy, file)]


def _bare_inserts(policy: Policy, file: str) -> list[Fault]:
    """Tables and code blocks of text that no clause with a rule or a note introduces.

    A policy of nothing but headings is a fault too: whatever it says elsewhere, nothing is obeyed.
    """
    clauses = policy.program.clauses
    faults = []
    if all(clause.kind == "heading" for clause in clauses):
        expected = "a paragraph or list item with a `rule` block under it"
        faults.append(
            Fault(
                file=file,
                line=1,
                column=1,
                code="no-clauses",
                message="the policy has no clause",
                expected=expected,
            )
        )
    for insert in policy.program.inserts:
        by = clauses[insert.introduced_by] if insert.introduced_by >= 0 else None
        if not any(map(str.isalpha, insert.text)) or (by and (by.note or by.nodes)):
            continue
        faults.append(
            Fault(
                file=file,
                line=insert.line,
                column=1,
                code="uncovered",
                message=f"“{insert.text[:60]}” stands in a table or block that no rule speaks of",
                expected="a clause right before it with a `rule` block or `.note`",
            )
        )
    return faults


def problems_of_faults(faults: Sequence[Fault]) -> list[DraftProblem]:
    """Faults as whoever wrote the policy reads them, without the name of a file."""
    return [
        DraftProblem(
            each.line,
            each.message,
            f"did you mean “{each.nearest}”?"
            if each.nearest
            else f"expected: {each.expected}"
            if each.expected
            else "",
            each.code,
        )
        for each in faults
    ]


def strict_problems(policy: Policy) -> list[DraftProblem]:
    """Everything that the strict check finds amiss, in the order of the file."""
    problems = problems_of_faults([*wrong_examples(policy, ""), *uncovered(policy, "")])
    problems += [
        DraftProblem(each.line, each.text, code=each.kind)
        for each in review(policy)
        if each.level == "error"
    ]
    return sorted(problems, key=lambda each: each.line)
