"""A clause struck from a policy: the new text, what changes by it, and a refusal to widen.

The prose stays where it is, its mark says that its rules say nothing any more. A clause that
forbids cannot be struck without allowing more; that is done only for whoever asks for it.
"""

from __future__ import annotations

import msgspec

from upheld.core.errors import PolicyError, UpheldError, nearest
from upheld.policy.analyse.compare import Comparison, compare
from upheld.policy.document import read_document
from upheld.policy.load import Policy
from upheld.policy.program import Clause
from upheld.policy.resolve import resolve

MARKED = " .severed"


class SeverResult(msgspec.Struct, frozen=True, kw_only=True):
    """The policy without a clause, and what changes by that; `text` is empty if it was refused."""

    clause: str
    finding: str
    text: str
    refused: bool
    comparison: Comparison
    examples: tuple[str, ...]  # of the policy, answered otherwise from then on

    def __str__(self) -> str:
        if self.refused:
            wider = "\n".join(f"- {change.text}" for change in self.comparison.widening)
            return f"refused: without #{self.clause} more would be allowed\n{wider}"
        return f"#{self.clause} is struck: {self.finding}\n{self.comparison}"


def sever(
    policy: Policy, clause: str, finding: str, *, accept_widening: bool = False
) -> SeverResult:
    """Strike a clause, for what a court or an authority found.

    Refuses, listing where, if anything would be allowed that was not, or without a duty that it
    had, unless `accept_widening`. UpheldError for a clause that cannot be struck.
    """
    if not finding.strip():
        raise UpheldError(
            "a clause is struck for a finding, and none was given",
            code="finding",
            hint="say who found what, as in: District Court, 12 March: void",
        )
    new = strike(policy, clause)
    comparison = compare(policy, new)
    is_refused = bool(comparison.widening) and not accept_widening
    return SeverResult(
        clause=clause,
        finding=finding.strip(),
        text="" if is_refused else new.program.source,
        refused=is_refused,
        comparison=comparison,
        examples=() if is_refused else changed_examples(policy, new),
    )


def require_clause(policy: Policy, name: str) -> Clause:
    """The clause of an id; UpheldError where there is none."""
    clauses = [clause for clause in policy.program.clauses if clause.id]
    target = next((clause for clause in clauses if clause.id == name), None)
    if target is None:
        near = nearest(name, (clause.id for clause in clauses))
        raise UpheldError(
            f"the policy has no clause #{name}",
            code="unknown-clause",
            hint=f"did you mean #{near}?" if near else "ids stand in {#…} behind their clauses",
        )
    return target


def strike(policy: Policy, name: str) -> Policy:
    """The policy with a clause struck; UpheldError where there is none, or nothing to strike."""
    target = require_clause(policy, name)
    if target.severed or not target.nodes:
        raise UpheldError(
            f"#{name} is struck already" if target.severed else f"#{name} has no rules to strike",
            code="nothing-to-sever",
            hint="" if target.severed else "a note binds nobody as it is",
        )
    source, mark = policy.program.source, f"{{#{name}}}"
    at = -1
    while (at := source.find(mark, at + 1)) >= 0:
        text = f"{source[: at + len(mark) - 1]}{MARKED}{source[at + len(mark) - 1 :]}"
        new = reread(text, policy)
        if new is not None and new.program.clause(name).severed:
            return new
    raise UpheldError(
        f"the mark of #{name} was not found in the text of the policy",
        code="nothing-to-sever",
        hint=f"write {{#{name}{MARKED}}} yourself",
    )


def reread(text: str, policy: Policy) -> Policy | None:
    """A text as a policy over the vocabulary of another; None where it is none."""
    document, faults = read_document(text, "policy")
    if document is None:
        return None
    try:
        return Policy(resolve(document, policy.program.vocabulary, "policy", faults))
    except PolicyError:
        return None


def changed_examples(old: Policy, new: Policy) -> tuple[str, ...]:
    """The examples that the old version answers as written and the new one does not."""
    return tuple(
        " ".join(example.text.split())
        for clause in new.program.clauses
        for example in clause.examples
        if not old.example(example)[1] and new.example(example)[1]
    )
