"""`upheld admin`: a provider's database from nothing, looked through, and filled.

Where the database, the keyring and the policy are is told by a settings file or by the environment
(`UPHELD_DATABASE` and so on), never by a password on the command line.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from upheld.cli.keys import keyring_class, master_key
from upheld.cli.output import JSON, print_json
from upheld.core.counts import count_of
from upheld.core.errors import UpheldError

if TYPE_CHECKING:
    from upheld.core.settings import Settings
    from upheld.gate.gate import Gate
    from upheld.policy.load import Policy
    from upheld.practice.plugin import Provider
    from upheld.vault.keyring import Keyring

admin = typer.Typer(help="Begin, check and fill a provider's database.", no_args_is_help=True)

SETTINGS = typer.Option(None, "--settings", help="A TOML file: database, keyring, policy, …")


def settings_in(path: Path | None) -> Settings:
    """The settings of a command."""
    from upheld.core.settings import read_settings

    return read_settings(path)


def keyring_of(settings: Settings) -> Keyring:
    """The keyring that the settings name, opened."""
    return keyring_class().open(
        named(settings.keyring, "keyring"),
        master_key(settings.key_file, settings.passphrase_file, settings.key_program),
    )


def policy_of(settings: Settings) -> Policy:
    """The policy that the settings name."""
    from upheld.policy.load import load

    return load(named(settings.policy, "policy"))


def gate_of(settings: Settings) -> Gate:
    """The gate that the settings describe; the tables must be there."""
    from upheld.core.clock import Clock
    from upheld.database.engines import open_database
    from upheld.database.schema import require_current
    from upheld.gate.gate import Gate

    policy = _file_policy(settings)
    keyring = keyring_of(settings)
    engine = open_database(settings.database, make=False)
    require_current(engine)
    clock = Clock(zone=settings.timezone)
    return Gate(engine, policy, keyring, clock, place=settings.place)


def _file_policy(settings: Settings) -> Policy | Callable[[], Policy]:
    """The policy of the file; its mistakes matter only where no version was posted yet."""
    try:
        return policy_of(settings)
    except UpheldError:
        from upheld.database.engines import open_database
        from upheld.gate.editions.store import was_posted

        posted = False
        with suppress(UpheldError):  # such as a database that is not there: see the file first
            posted = was_posted(open_database(settings.database, make=False))
        if not posted:
            raise
    return lambda: policy_of(settings)


def provider_of(settings: Settings) -> Provider:
    """The provider that the settings describe, with all its practices."""
    from upheld.app.provider import provide
    from upheld.gate.async_gate import AsyncGate

    gate = gate_of(settings)
    gate.take_first_version()
    return provide(AsyncGate(gate), settings)


def named(path: Path | None, what: str) -> Path:
    """A path that the settings must name."""
    if path is None:
        raise UpheldError(
            f"the settings name no {what}",
            code="settings",
            hint=f'write `{what} = "…"`, or set UPHELD_{what.upper()}',
        )
    return path


@admin.command()
def init(settings: Path | None = SETTINGS, as_json: bool = JSON) -> None:
    """Make what is missing: keyring, database, tables; change nothing that is there."""
    from upheld.database.engines import open_or_remove
    from upheld.database.schema import migrate
    from upheld.gate.gate import Gate

    configuration = settings_in(settings)
    policy_of(configuration)  # its mistakes are told before anything is made
    path = named(configuration.keyring, "keyring")
    is_new = not path.exists()
    master = master_key(
        configuration.key_file,
        configuration.passphrase_file,
        configuration.key_program,
        confirm=is_new,
    )
    keyring = keyring_class().create(path, master) if is_new else keyring_class().open(path, master)
    with open_or_remove(configuration.database) as engine:
        revision = migrate(engine)
    gate = Gate(engine, lambda: policy_of(configuration), keyring)
    gate.take_first_version()
    digest = gate.policy.digest
    if as_json:
        print_json({"keyring_made": is_new, "revision": revision, "policy": digest})
    else:
        done = "made" if is_new else "was there"
        print(f"{path}: {done}; tables {revision}; policy {digest[:12]}")


@admin.command()
def migrate(settings: Path | None = SETTINGS, as_json: bool = JSON) -> None:
    """Bring the tables to what this upheld needs."""
    from upheld.database.engines import open_database
    from upheld.database.schema import migrate as migrated
    from upheld.database.schema import revision

    engine = open_database(settings_in(settings).database, make=False)
    before, now = revision(engine), migrated(engine)
    if as_json:
        print_json({"before": before, "now": now})
    else:
        print(f"tables {now}" + ("" if before == now else f", before {before or 'none'}"))


@admin.command()
def selfcheck(settings: Path | None = SETTINGS, as_json: bool = JSON) -> None:
    """Open every key, value, record and entry; 1 if anything is not whole."""
    from upheld.gate.change_counts import all_older
    from upheld.gate.operations.backup import not_forgotten
    from upheld.gate.operations.selfcheck import selfcheck as checked

    gate = gate_of(settings_in(settings))
    report = checked(gate.engine, gate.context.keyring)
    report = report._replace(problems=(*report.problems, *all_older(gate), *not_forgotten(gate)))
    if as_json:
        print_json(report._asdict())
    else:
        for problem in report.problems:
            print(problem)
        print(
            f"{count_of(report.people, 'person', 'people')}, {count_of(report.values, 'value')}, "
            f"{count_of(report.records, 'record')}, {count_of(report.entries, 'entry')}: "
            + (f"{len(report.problems):,} not whole" if report.problems else "whole")
        )
    raise typer.Exit(1 if report.problems else 0)


@admin.command("import")
def bring(
    people: Path = typer.Argument(help="A CSV file whose columns are fields."),
    apply: bool = typer.Option(False, "--apply", help="Keep them; without it nothing is kept."),
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Take in the customers that a provider had before, all of them or none."""
    from upheld.practices.accounts.import_customers import import_customers

    outcome = import_customers(provider_of(settings_in(settings)), people, apply=apply)
    if as_json:
        lines = [each._asdict() for each in outcome.not_served]
        print_json({**outcome._asdict(), "not_served": lines, "applied": apply})
        return
    for each in outcome.not_served:
        cited = "".join(f" #{clause}" for clause in each.clauses)
        print(f"line {each.line}: not to be served at that age: {each.why}{cited}")
    done = "taken in" if apply else "would be taken in; --apply keeps them"
    print(
        f"{count_of(outcome.rows, 'person', 'people')}: {outcome.taken:,} {done},"
        f" {outcome.known:,} known already"
        + (f", {len(outcome.not_served):,} may not be served" if outcome.not_served else "")
    )
    if outcome.violations:
        print(
            f"for {outcome.violations:,} no clause lets all of it be kept: recorded as violations"
        )


@admin.command()
def clock(settings: Path | None = SETTINGS, as_json: bool = JSON) -> None:
    """Take the time of day as it is, after the clock was set back; an entry says so."""
    gate_of(settings_in(settings)).accept_clock()
    if as_json:
        print_json({"accepted": True})
    else:
        print("the time of day is accepted")
