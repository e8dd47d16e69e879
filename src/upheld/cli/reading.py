"""Commands for authors: `check` a policy, lay out its rules with `fmt`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from upheld.cli.output import JSON, POLICIES, loaded, print_json, write_whole
from upheld.core.counts import count_of
from upheld.core.errors import Fault, PolicyError, UpheldError
from upheld.core.extras import install_hint

if TYPE_CHECKING:
    from upheld.policy.load import Policy


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(check)
    app.command("fmt")(layout)


def findings(policy: Policy, file: str) -> tuple[list[Fault], list[Fault]]:
    """Examples that are answered otherwise, and words that have neither rule nor note."""
    from upheld.policy.analyse.strict import uncovered
    from upheld.policy.examples import wrong_examples

    return wrong_examples(policy, file), uncovered(policy, file, _wanted)


def _wanted(sentence: str, policy: Policy) -> str:
    """What an uncovered clause needs, with the words of the vocabulary found in it."""
    from upheld.cli.onboard import suggestion
    from upheld.policy.analyse.strict import NEEDED

    proposal = suggestion(sentence, policy.program.vocabulary)
    return f"{NEEDED}; words found in it: {proposal}" if proposal else NEEDED


def check(
    policies: list[Path] | None = POLICIES,
    strict: bool = typer.Option(False, "--strict", help="Uncovered prose is a fault too."),
    notes: bool = typer.Option(False, "--notes", help="Show guards and hints too."),
    provider: bool = typer.Option(
        False, "--provider", help="Tell what a provider under this policy could not do."
    ),
    settings: Path | None = typer.Option(
        None, "--settings", help="A provider's settings: list what it cannot keep of its policy."
    ),
    as_json: bool = JSON,
) -> None:
    """Read policies, ask their examples, and list what their authors should know."""
    if settings is not None:
        raise typer.Exit(_report_unkept(settings, policies, strict=strict, as_json=as_json))
    if not policies:
        raise UpheldError(
            "check takes a policy, or a provider's --settings", code="usage", hint="name a policy"
        )
    reports = [_checked(each, strict=strict, notes=notes, as_json=as_json) for each in policies]
    if provider:
        for path, report in zip(policies, reports, strict=True):
            _tell_off(path, report, as_json=as_json)
    if as_json:
        print_json(
            reports[0]
            if len(reports) == 1
            else [{"file": str(p), **each} for p, each in zip(policies, reports, strict=True)]
        )
    raise typer.Exit(0 if all(each["ok"] for each in reports) else 1)


def _tell_off(path: Path, report: dict[str, Any], *, as_json: bool) -> None:
    """Add to a report, and print, which practices of a provider a policy switches off."""
    if "digest" not in report:
        return  # it could not be read
    import upheld

    try:
        from upheld.app.provider import needs_of
        from upheld.practice.needs import find_switched_off
    except ImportError:
        raise UpheldError(
            "a provider needs more than is installed",
            code="missing-extra",
            hint=install_hint("provider"),
        ) from None
    off = find_switched_off(upheld.load(path), needs_of())
    report["switched_off"] = [each._asdict() for each in off]
    if not as_json:
        for each in off:
            print(f"{path}: switched off for a provider: {each}")


def _report_unkept(
    settings: Path, policies: list[Path] | None, *, strict: bool, as_json: bool
) -> int:
    """Tell what a provider cannot keep of its policy, or of another; 1 if that is a fault."""
    from upheld.app.promises import promises
    from upheld.core.settings import read_settings

    configuration = read_settings(settings)
    paths = [
        *(policies or []),
        *([configuration.policy] if configuration.policy and not policies else []),
    ]
    if len(paths) != 1:
        raise UpheldError(
            "one policy is held against a provider", code="usage", hint="name it in the settings"
        )
    broken = promises(configuration, loaded(paths[0], as_json=as_json))
    if as_json:
        print_json([{**each._asdict(), "why": each.why} for each in broken])
    else:
        for each in broken:
            clauses = ", ".join(f"#{clause}" for clause in each.clauses)
            print(f"{each.kind} `{each.word}`: {each.why} ({clauses})")
        number = count_of(len(broken), "thing")
        print(f"{paths[0]}: {number} {'is' if len(broken) == 1 else 'are'} promised and not kept")
    return 1 if strict and broken else 0


def _checked(policy: Path, *, strict: bool, notes: bool, as_json: bool) -> dict[str, Any]:
    """The report on one file, printed unless it is to be JSON."""
    import upheld

    try:
        loaded = upheld.load(policy)
    except PolicyError as error:
        if any(fault.code == "unreadable" for fault in error.faults):
            raise
        return _refusal(policy, error, as_json=as_json)
    wrong, bare = findings(loaded, str(policy))
    from upheld.policy.analyse.review import review

    report = review(loaded)
    good = not wrong and not (strict and bare) and all(each.level != "error" for each in report)
    program = loaded.program
    examples = sum(len(clause.examples) for clause in program.clauses)
    rules = sum(len(clause.rules) for clause in program.clauses)
    if not as_json:
        for fault in [*wrong, *bare]:
            print(fault)
        for each in report:
            if each.level == "note" and not notes:
                continue
            print(f"{policy}:{each.line}:1: {each.level}: {each.text} [{each.kind}]")
        verdict = "ok" if good else "not ok"
        print(
            f"{policy}: {verdict}: {count_of(len(program.clauses), 'clause')},"
            f" {count_of(rules, 'rule')}, {count_of(examples, 'example')},"
            f" {len(wrong)} answered otherwise, {len(bare)} uncovered"
        )
    return {
        "ok": good,
        "digest": loaded.digest,
        "clauses": len(program.clauses),
        "rules": rules,
        "examples": examples,
        "faults": wrong,
        "uncovered": bare,
        "findings": report,
    }


def _refusal(policy: Path, error: PolicyError, *, as_json: bool) -> dict[str, Any]:
    """Tell every mistake of a file that is not a policy yet."""
    if not as_json:
        for fault in error.faults:
            print(fault)
        print(f"{policy}: not ok: {count_of(len(error.faults), 'mistake')}; nothing was asked")
    return {"ok": False, "faults": error.faults}


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
