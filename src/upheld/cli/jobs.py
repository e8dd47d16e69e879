"""`upheld jobs`: do what a provider does without being asked; list what is owed or is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from upheld.cli.admin import SETTINGS, provider_of, settings_in
from upheld.cli.output import JSON, print_json

if TYPE_CHECKING:
    from upheld.gate.gate import Gate
    from upheld.gate.set_aside import SetAside


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(jobs)


def jobs(
    settings: Path | None = SETTINGS,
    once: bool = typer.Option(False, "--once", help="Do everything once, and end."),
    obligations_in: bool = typer.Option(
        False, "--list", help="List what is owed and late, set aside and not whole."
    ),
    dry_run: bool = typer.Option(
        False, "--dry-run", help="Say what would be deleted now, and when the rest; do nothing."
    ),
    as_json: bool = JSON,
) -> None:
    """Do what the provider and its practices do by themselves, until stopped; 1 if one failed."""
    import logging
    import signal
    import threading

    from upheld.gate.operations.jobs import Jobs, built_in

    configuration = settings_in(settings)
    provider = provider_of(configuration)
    gate = provider.gate.gate
    if dry_run:
        from upheld.cli.dry_run import show

        show(provider, as_json=as_json)
        return
    if obligations_in:
        _list(gate, as_json=as_json)
        return
    logging.basicConfig(format="%(message)s")
    work = Jobs(gate, [*built_in(configuration), *provider.jobs])
    if not once:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        work.loop(stop)
        return
    leading = work.leading
    done = work.step()
    work.release()
    if as_json:
        print_json(
            {
                "leading": leading,
                "done": [each._asdict() for each in done],
                "set_aside": len(_waiting(gate)),
            }
        )
    else:
        for each in done:
            done_or_not = each.why or each.failed or f"{each.did:,} done"
            print(f"{each.name}: {done_or_not}")
        for one in _waiting(gate):
            print(f"set aside by {one.job}: {one.why}; see `upheld jobs --list`")
        if not leading:
            print("another process does the other jobs")
    raise typer.Exit(1 if any(each.failed for each in done) else 0)


def _waiting(gate: Gate) -> list[SetAside]:
    from upheld.database.transaction import reading
    from upheld.gate import set_aside

    with reading(gate.engine) as connection:
        return set_aside.everybody(connection)


def _list(gate: Gate, *, as_json: bool) -> None:
    from upheld.database.transaction import reading
    from upheld.gate import findings, set_aside
    from upheld.gate.obligations import obligations_in

    with reading(gate.engine) as connection:
        states = obligations_in(connection)
        waiting, wrong = set_aside.everybody(connection), findings.all_findings(connection)
    late = sum(each.state == "late" for each in states)
    if as_json:
        print_json(
            {
                "items": [each._asdict() for each in states],
                "late": late,
                "set_aside": [each._asdict() for each in waiting],
                "not_whole": [each._asdict() for each in wrong],
            }
        )
    else:
        for each in states:
            due = f"{each.due:%Y-%m-%d %H:%M}" if each.due else "at once"
            print(
                f"{each.state}: {each.action or each.kind} by #{each.clause}, due {due}, "
                f"person {each.person_id}, entry {each.entry}"
            )
        for one in waiting:
            whose = f"person {one.person_id}" if one.person_id else "nobody's"
            print(
                f"set aside by {one.job} since {one.since:%Y-%m-%d %H:%M}: {whose}"
                f"{', ' + one.about if one.about else ''}: {one.why}"
            )
        for thing in wrong:
            print(f"not whole since {thing.since:%Y-%m-%d %H:%M}: {thing.text}")
        print(
            f"{len(states):,} open, {late:,} of them late; {len(waiting):,} set aside,"
            f" {len(wrong):,} not whole"
        )
    raise typer.Exit(1 if late or waiting or wrong else 0)
