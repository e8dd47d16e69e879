"""Commands for authors: `check` a policy, lay out its rules with `fmt`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

from upheld.cli.output import JSON, POLICY, loaded, print_json, write_whole
from upheld.core.errors import Fault, PolicyError

if TYPE_CHECKING:
    from upheld.policy.load import Policy


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(check)
    app.command("fmt")(layout)


def findings(policy: Policy, file: str) -> tuple[list[Fault], list[Fault]]:
    """Examples that are answered otherwise, and prose that has neither rule nor note."""
    wrong, bare = [], []
    for clause in policy.program.clauses:
        heading = policy.program.clauses[clause.heading].text if clause.heading >= 0 else ""
        for example in clause.examples:
            question = example.question
            decision = policy.ask(
                {"action": question.action, **question.dimensions, "facts": question.facts}
            )
            if decision.outcome != example.answer:
                wrong.append(
                    Fault(
                        file=file,
                        line=example.line,
                        column=1,
                        code="wrong-example",
                        message=f"`{' '.join(example.text.split())}` is answered: {decision.why}",
                        clause=heading,
                        expected=example.answer,
                    )
                )
        if not clause.covered:
            bare.append(
                Fault(
                    file=file,
                    line=clause.line,
                    column=1,
                    code="uncovered",
                    message=f"“{clause.text[:60]}” has neither a rule nor `.note`",
                    clause=heading,
                    expected=_wanted(clause.text, policy),
                )
            )
    return wrong, bare


def _wanted(sentence: str, policy: Policy) -> str:
    """What an uncovered clause needs, with the words of the vocabulary found in it."""
    from upheld.policy.onboard import suggestion

    found = suggestion(sentence, policy.program.vocabulary)
    needed = "a `rule` block under it, or `{.note}` at its end"
    return f"{needed}; words found in it: {found}" if found else needed


def check(
    policy: Path = POLICY,
    strict: bool = typer.Option(False, "--strict", help="Uncovered prose is a fault too."),
    notes: bool = typer.Option(False, "--notes", help="Show guards and hints too."),
    as_json: bool = JSON,
) -> None:
    """Read a policy, ask its examples, and list what its author should know."""
    import upheld

    try:
        found = upheld.load(policy)
    except PolicyError as error:
        if any(fault.code == "unreadable" for fault in error.faults):
            raise
        _refuse(policy, error, as_json=as_json)
    wrong, bare = findings(found, str(policy))
    from upheld.policy.analyse.review import review

    seen = review(found)
    good = not wrong and not (strict and bare) and all(each.level != "error" for each in seen)
    program = found.program
    examples = sum(len(clause.examples) for clause in program.clauses)
    rules = sum(len(clause.rules) for clause in program.clauses)
    if as_json:
        print_json(
            {
                "ok": good,
                "digest": found.digest,
                "clauses": len(program.clauses),
                "rules": rules,
                "examples": examples,
                "faults": wrong,
                "uncovered": bare,
                "findings": seen,
            }
        )
    else:
        for fault in [*wrong, *bare]:
            print(fault)
        for each in seen:
            if each.level == "note" and not notes:
                continue
            print(f"{policy}:{each.line}:1: {each.level}: {each.text} [{each.kind}]")
        verdict = "ok" if good else "not ok"
        print(
            f"{policy}: {verdict}: {len(program.clauses)} clauses, {rules} rules,"
            f" {examples} examples, {len(wrong)} answered otherwise, {len(bare)} uncovered"
        )
    raise typer.Exit(0 if good else 1)


def _refuse(policy: Path, error: PolicyError, *, as_json: bool) -> NoReturn:
    """Tell every mistake of a file that is no policy yet."""
    if as_json:
        print_json({"ok": False, "faults": error.faults})
    else:
        for fault in error.faults:
            print(fault)
        count = len(error.faults)
        print(f"{policy}: not ok: {count} mistake{'s' if count > 1 else ''}; nothing was asked")
    raise typer.Exit(1)


def layout(
    policy: Path = typer.Argument(help="A policy in Markdown."),
    only_check: bool = typer.Option(False, "--check", help="Change nothing; exit 1 if it would."),
    as_json: bool = JSON,
) -> None:
    """Lay out the rule and example blocks of a policy in the one way, keeping all prose."""
    from upheld.cli.layout import relaid

    loaded(policy, as_json=as_json)
    raw = policy.read_bytes()
    laid = relaid(raw, str(policy))
    changed = laid != raw
    if changed and not only_check:
        write_whole(policy, laid)
    if as_json:
        print_json({"changed": changed})
    elif changed:
        print(f"{policy}: " + ("would be laid out anew" if only_check else "laid out anew"))
    raise typer.Exit(1 if changed and only_check else 0)
