"""`upheld admin backup` and `upheld admin restore`: everything in one file, and back again."""

from __future__ import annotations

from pathlib import Path

import typer

from upheld.cli.admin import SETTINGS, gate_of, named, settings_in
from upheld.cli.keys import master_key
from upheld.cli.output import JSON, print_json
from upheld.core.counts import count_of


def register(admin: typer.Typer) -> None:
    """Add the commands to their group."""
    admin.command()(backup)
    admin.command()(restore)


def backup(
    out: Path = typer.Option(..., "--out", help="A folder, or the file to write."),
    escrow: Path | None = typer.Option(None, "--escrow", help="The folder that keeps its keys."),
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Back up everything while it runs, and see that it can be put back."""
    from upheld.gate.operations.backup import backup as backed

    configuration = settings_in(settings)
    archive = backed(
        gate_of(configuration),
        out,
        keys=escrow or configuration.escrow,
        days=configuration.backup_days,
    )
    if as_json:
        print_json({**archive._asdict(), "path": str(archive.path)})
        return
    print(
        f"{archive.path}: {count_of(archive.rows, 'row')}, {count_of(archive.entries, 'entry')},"
        " read back and whole"
    )
    if archive.until is None:
        print(
            "  its keys are in the keyring alone: it is of no use once they are renewed; --escrow"
        )
    else:
        print(f"  its keys are kept until {archive.until:%Y-%m-%d}")


def restore(
    path: Path = typer.Argument(help="The file of a backup."),
    escrow: Path | None = typer.Option(None, "--escrow", help="Where its keys are: folder, file."),
    published: Path | None = typer.Option(
        None, "--published", help="The last checkpoint that was published of the log."
    ),
    because: str = typer.Option("", "--because", help="Why to restore though something is lost."),
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Put a backup into an empty database; who was erased since is erased again. 1 if not whole."""
    from upheld.core.files import read_file
    from upheld.gate.operations.restore import RestoreOptions, keyring_for
    from upheld.gate.operations.restore import restore as restored
    from upheld.policy.load import load

    configuration = settings_in(settings)
    keys = escrow or configuration.escrow
    master = master_key(
        configuration.key_file, configuration.passphrase_file, configuration.key_program
    )
    file = named(configuration.policy, "policy")
    ring = keyring_for(path, named(configuration.keyring, "keyring"), master, keys)
    raw = read_file(published)[0] if published else None
    outcome = restored(
        path,
        configuration.database,
        lambda: load(file),  # where the backup has no version that was posted
        ring,
        master,
        RestoreOptions(keys, raw, because),
    )
    if as_json:
        print_json(outcome._asdict())
    else:
        for problem in outcome.problems:
            print(problem)
        whole = f"{len(outcome.problems):,} not whole" if outcome.problems else "whole"
        print(
            f"{count_of(outcome.people, 'person', 'people')}, {count_of(outcome.entries, 'entry')},"
            f" {outcome.erased:,} erased again: {whole}"
        )
    raise typer.Exit(1 if outcome.problems else 0)
