"""`upheld version`: which version of the policy is in force, drafts of another, posting it.

Each step names the member of staff who takes it (`--by`). That name is taken on trust, since
whoever can run the command has the provider's keys. One person drafts, another approves.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from upheld.cli.admin import SETTINGS, gate_of, settings_in
from upheld.cli.analysis import tell
from upheld.cli.desk_options import BY, user_id_of
from upheld.cli.output import JSON, loaded, print_json
from upheld.core.counts import count_of
from upheld.core.errors import UpheldError
from upheld.core.ids import PersonId

if TYPE_CHECKING:
    from upheld.core.settings import Settings
    from upheld.gate.gate import Gate
    from upheld.policy.load import Policy
    from upheld.practices.versions.drafts import Draft

version = typer.Typer(help="Draft, approve and post versions of the policy.", no_args_is_help=True)

DRAFT = typer.Argument(help="A draft: its id or the beginning of it, or its version.")


def _gate(settings: Settings) -> Gate:
    """The gate, on a database in which a first version was posted."""
    from upheld.practice.terms import take_first

    gate = gate_of(settings)
    gate.take_first_version()
    take_first(gate, settings.agreement)  # of which a policy may say that it is a part
    return gate


@version.command()
def status(settings: Path | None = SETTINGS, as_json: bool = JSON) -> None:
    """Tell which version is in force, whether the file is that one, what waits, whom each binds."""
    from upheld.practices.versions import drafts
    from upheld.practices.versions.bound_report import REASON_WORDS, bound_lines, bound_report

    configuration = settings_in(settings)
    gate = _gate(configuration)
    with gate.together() as transaction:
        editions = transaction.editions.all()
        waiting = drafts.drafts(transaction.tables, drafts.OPEN, *drafts.STATES_TO_POST)
    edition = editions[-1]
    file = _file_state(configuration, edition.digest)
    report = bound_report(bound_lines(gate), gate.clock.now())
    if as_json:
        print_json(
            {
                "in_force": edition._asdict(),
                "file": file,
                "drafts": [each._asdict() for each in waiting],
                "bound": report._asdict(),
            }
        )
        return
    print(
        f"version {edition.version or edition.number} is in force since"
        f" {edition.posted_at:%Y-%m-%d %H:%M} UTC, digest {edition.digest[:12]}"
    )
    print(f"{configuration.policy}: {file}")
    for each in waiting:
        print(_line(each))
    names = {each.number: each.version or str(each.number) for each in editions}
    for number, count in report.by_version.items():
        print(f"bound by version {names[number]}: {count_of(count, 'customer')}")
    print(f"of {count_of(report.customers, 'customer')}")
    for reason, count in report.by_reason.items():
        if count:
            print(f"wait, since {REASON_WORDS[reason]}: {count:,}")
    if report.overdue:
        print(f"overdue: {report.overdue:,}")


def _file_state(configuration: Settings, in_force: str) -> str:
    """What the file of the settings is beside the version in force."""
    from upheld.gate.editions.policy_file import file_state

    if configuration.policy is None:
        return "the settings name no file"
    return str(file_state(configuration.policy, in_force))


@version.command("list")
def everything(settings: Path | None = SETTINGS, as_json: bool = JSON) -> None:
    """List every version that was posted, and every draft."""
    from upheld.practices.versions import drafts

    with _gate(settings_in(settings)).together() as transaction:
        posted = transaction.editions.all()
        all_drafts = [
            each for each in drafts.drafts(transaction.tables) if each.state != drafts.POSTED
        ]
    if as_json:
        print_json(
            {
                "posted": [each._asdict() for each in posted],
                "drafts": [each._asdict() for each in all_drafts],
            }
        )
        return
    for edition in posted:
        wider = ", allows more than the one before" if edition.widens else ""
        print(
            f"{edition.number}: version {edition.version or '-'}, posted"
            f" {edition.posted_at:%Y-%m-%d %H:%M} UTC, digest {edition.digest[:12]}{wider}"
        )
    for each in all_drafts:
        print(_line(each))


def _line(draft: Draft) -> str:
    wider = "allows more" if draft.widens else "allows nothing more"
    return (
        f"draft {draft.draft_id[:8]}: version {draft.version}, {draft.state}, {wider},"
        f" digest {draft.digest[:12]}"
    )


@version.command()
def draft(
    file: Path = typer.Argument(help="The policy as it is to be."),
    by: str = BY,
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Make a draft of a file: checked, and compared with the version in force.

    What is kept are the bytes of now, whatever becomes of the file. Ends with 1 where the check,
    that of `upheld check --strict`, finds anything.
    """
    from upheld.policy.analyse.compare import compare
    from upheld.practices.versions import drafts

    policy = loaded(file, as_json=as_json)
    if faults := _faults(policy, file):
        if as_json:
            print_json({"ok": False, "faults": faults})
        else:
            for fault in faults:
                print(fault)
            print(f"{file}: not ok: {len(faults)} found; no draft was made")
        raise typer.Exit(1)
    gate = _gate(settings_in(settings))
    comparison = compare(gate.policy, policy)
    with gate.together() as transaction:
        there = drafts.draft(transaction, policy, comparison, user_id_of(transaction, by))
    if as_json:
        print_json({**there._asdict(), "changes": [each.text for each in comparison.changes]})
        return
    for change in comparison.changes:
        tell(change)
    if comparison.same:
        print(comparison)
    if comparison.reworded:
        print("reworded: " + ", ".join(f"#{name}" for name in comparison.reworded))
    print(_line(there))


def _faults(policy: Policy, file: Path) -> list[str]:
    """What `upheld check --strict` finds amiss."""
    from upheld.cli.reading import findings
    from upheld.policy.analyse.review import review

    wrong, bare = findings(policy, str(file))
    lines = [str(fault) for fault in (*wrong, *bare)]
    return lines + [
        f"{file}:{each.line}:1: {each.level}: {each.text} [{each.kind}]"
        for each in review(policy)
        if each.level == "error"
    ]


@version.command()
def approve(
    name: str = DRAFT, by: str = BY, settings: Path | None = SETTINGS, as_json: bool = JSON
) -> None:
    """Approve a draft, as a second person."""
    from upheld.practices.versions import drafts

    with _gate(settings_in(settings)).together() as transaction:
        there = drafts.draft_of(transaction.tables, name)
        there = drafts.approve(transaction, there.draft_id, user_id_of(transaction, by))
    _show(there, as_json=as_json)


@version.command()
def post(
    name: str = DRAFT, by: str = BY, settings: Path | None = SETTINGS, as_json: bool = JSON
) -> None:
    """Put an approved draft in force; 1 where the policy in force does not let it be changed.

    A draft that says it is effective on a later day is announced, and posted on that day.
    """
    from upheld.gate.act.request import Refused
    from upheld.practices.versions import drafts

    gate = _gate(settings_in(settings))
    with gate.together() as transaction:
        there = drafts.draft_of(transaction.tables, name)
        posted = drafts.post(transaction, there.draft_id, user_id_of(transaction, by))
    gate.refresh()  # which remembers it outside the database, too
    if isinstance(posted, Refused):
        clauses = posted.decision.clauses if posted.decision else ()
        cited = " ".join(f"#{clause}" for clause in clauses)
        if as_json:
            print_json({"posted": False, "why": posted.why, "clauses": clauses})
        else:
            print(f"not posted: {posted.why} {cited}".rstrip())
        raise typer.Exit(1)
    if isinstance(posted, drafts.Draft):
        _show(posted, as_json=as_json)
    elif as_json:
        print_json({"posted": True, **posted._asdict()})
    else:
        print(f"version {posted.version} is in force, as number {posted.number}")


@version.command()
def drop(
    name: str = DRAFT, by: str = BY, settings: Path | None = SETTINGS, as_json: bool = JSON
) -> None:
    """Give a draft up; its bytes are deleted."""
    from upheld.practices.versions import drafts

    with _gate(settings_in(settings)).together() as transaction:
        there = drafts.draft_of(transaction.tables, name)
        there = drafts.drop(transaction, there.draft_id, user_id_of(transaction, by))
    _show(there, as_json=as_json)


def _show(there: Draft, *, as_json: bool) -> None:
    if as_json:
        print_json(there._asdict())
    else:
        print(_line(there))


@version.command()
def reach(name: str = DRAFT, settings: Path | None = SETTINGS, as_json: bool = JSON) -> None:
    """Count, over all customers, for how many each difference of a draft changes the answer."""
    from upheld.policy.analyse.compare import compare
    from upheld.practices.versions import drafts
    from upheld.practices.versions.reach import draft_reach

    gate = _gate(settings_in(settings))
    with gate.together() as transaction:
        there = drafts.draft_of(transaction.tables, name)
        policy = transaction.editions.policy(there.digest)
    comparison = compare(gate.policy, policy)
    result = draft_reach(gate, policy, comparison, sys.maxsize, len(comparison.changes))
    if as_json:
        counts = [{"change": each.text, "customers": count} for each, count in result.counts]
        print_json({"customers": result.customers, "changes": counts})
        return
    for change, count in result.counts:
        tell(change)
        whom = "about nobody in particular" if count is None else count_of(count, "customer")
        print(f"    {whom}")
    print(f"of {count_of(result.customers, 'customer')}")


@version.command("accept-restored")
def accept_restored(
    because: str = typer.Option(..., "--because", help="Why the earlier version is to hold."),
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Let a database that was put back to an earlier version serve it; an entry says why."""
    from upheld.cli.admin import keyring_of
    from upheld.core.clock import Clock
    from upheld.database.engines import open_database
    from upheld.database.schema import require_current
    from upheld.gate.operations.restore import accept_version

    configuration = settings_in(settings)
    keyring = keyring_of(configuration)
    engine = open_database(configuration.database, make=False)
    require_current(engine)
    name = accept_version(engine, keyring, Clock(zone=configuration.timezone), because)
    if as_json:
        print_json({"version": name})
    else:
        print(f"version {name} is in force again" if name else "no version was posted")


WHO = typer.Argument(help="The customer's id.")
NAME = typer.Argument(help="A version that was posted: as it is called, or its number.")


@version.command()
def bound(who: str = WHO, settings: Path | None = SETTINGS, as_json: bool = JSON) -> None:
    """Tell which version binds a customer, which later ones wait, and what they decided."""
    from upheld.practices.versions import customer_decisions

    with _gate(settings_in(settings)).together() as transaction:
        binding, *waiting = transaction.binding_versions(PersonId(who))
        decisions = customer_decisions.decisions(transaction, PersonId(who))
        versions = {each.digest: each.version for each in transaction.editions.all()}
    if as_json:
        print_json(
            {
                "binds": binding._asdict(),
                "waiting": [each._asdict() for each in waiting],
                "decisions": [each._asdict() for each in decisions],
            }
        )
        return
    for decision in decisions:
        name = versions.get(decision.digest) or decision.digest[:12]
        print(f"{decision.state} by them on {decision.at:%Y-%m-%d}: version {name}")
    print(f"bound by version {binding.version or binding.number}")
    for each in waiting:
        print(f"asked besides: version {each.version or each.number}")


@version.command()
def agreement(  # noqa: PLR0913, PLR0917 - the words of a command
    who: str = WHO,
    notice: bool = typer.Option(False, "--notice", help="It asks for notice of changes."),
    approval: bool = typer.Option(False, "--approval", help="It asks for their approval."),
    days: int = typer.Option(30, min=0, max=3650, help="The days that a notice has to run."),
    end: bool = typer.Option(False, "--end", help="It asks for neither any more."),
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Record what a customer's own agreement asks for when the policy changes."""
    from upheld.practices.versions import agreements

    if end == (notice or approval):
        raise UpheldError(
            "say what it asks for, or --end", code="usage", hint="--notice, --approval"
        )
    with _gate(settings_in(settings)).together() as transaction:
        if end:
            agreements.end_agreements(transaction, PersonId(who))
        for asks, fact in ((notice, agreements.NOTICE), (approval, agreements.APPROVAL)):
            if asks:
                agreements.agree(transaction, PersonId(who), fact, days)
    _recorded({"notice": notice, "approval": approval}, as_json=as_json)


@version.command()
def notice(
    who: str = WHO,
    name: str = NAME,
    days: int = typer.Option(30, min=0, max=3650, help="The days that it has to run."),
    bounced: bool = typer.Option(False, "--bounced", help="It came back: none was given."),
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Record that a customer was sent notice of a version now; it holds once the days have run."""
    from upheld.practices.versions import agreements

    with _gate(settings_in(settings)).together() as transaction:
        edition = agreements.edition_named(transaction, name)
        if bounced:
            agreements.take_back_notice(transaction, PersonId(who), edition)
        else:
            sent = transaction.clock.now()
            agreements.give_notice(transaction, PersonId(who), edition, sent, days)
    _recorded({"notice": edition.version, "bounced": bounced}, as_json=as_json)


@version.command()
def approval(
    who: str = WHO, name: str = NAME, settings: Path | None = SETTINGS, as_json: bool = JSON
) -> None:
    """Record that a customer approved a version, as their agreement asks for.

    What they refused stays refused.
    """
    from upheld.practices.versions import agreements, customer_decisions

    with _gate(settings_in(settings)).together() as transaction:
        edition = agreements.edition_named(transaction, name)
        customer_decisions.approve_change(transaction, PersonId(who), edition.digest)
    _recorded({"approved": edition.version}, as_json=as_json)


def _recorded(what: dict[str, object], *, as_json: bool) -> None:
    if as_json:
        print_json(what)
    else:
        print("recorded")
