"""`upheld terms`: which version of the Master Terms is in force, drafting another, posting it.

Each step names the member of staff who takes it (`--by`), as those of `upheld version` do. One
person drafts, another posts.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from upheld.cli.admin import SETTINGS, gate_of, settings_in
from upheld.cli.desk_options import BY, user_id_of
from upheld.cli.output import JSON, print_json
from upheld.core.errors import UpheldError

if TYPE_CHECKING:
    from upheld.gate.gate import Gate
    from upheld.practice.terms import TermsVersion

terms = typer.Typer(help="Draft and post versions of the Master Terms.", no_args_is_help=True)

NAME = typer.Argument(help="A draft: its name, or the beginning of its digest.")


def _gate(settings: Path | None) -> Gate:
    """The gate, on a database that has the first version of the terms, if there are any."""
    from upheld.practice.terms import take_first

    configuration = settings_in(settings)
    gate = gate_of(configuration)
    gate.take_first_version()
    take_first(gate, configuration.agreement)
    return gate


@terms.command("list")
def everything(settings: Path | None = SETTINGS, as_json: bool = JSON) -> None:
    """List every version that was posted, every draft, and which one the policy is a part of."""
    from upheld.practice.terms import drafts, file_state, named_instead, versions

    gate, path = _gate(settings), settings_in(settings).agreement
    with gate.together() as transaction:
        posted, waiting = versions(transaction.tables), drafts(transaction.tables)
        part_of = transaction.policy.front.part_of
        file = file_state(transaction.tables, path) if path else ""
        named = named_instead(transaction.tables, part_of)
    if as_json:
        print_json(
            {
                "posted": [each._asdict() for each in posted],
                "drafts": [each._asdict() for each in waiting],
                "part_of": part_of,
                "file": file,
            }
        )
        return
    for each in (*posted, *waiting):
        print(_line(each))
    if not posted:
        print("the settings name no terms")
    if file:
        print(f"{path}: {file}")
    if part_of:
        print(f"the policy in force is a part of: {part_of}")
    if named:
        print(f"{named}: `upheld version draft`")


@terms.command()
def draft(
    file: Path = typer.Argument(help="The terms as they are to be, in Markdown."),
    version: str = typer.Option(..., "--version", help="The name of the version: 2027-01-01, say."),
    by: str = BY,
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Make a draft of a file. What is kept are the bytes of now, whatever becomes of the file."""
    from upheld.practice import terms as versions

    text = _read(file)
    with _gate(settings).together() as transaction:
        there = versions.draft(transaction, text, version, user_id_of(transaction, by))
    _show(there, as_json=as_json)


@terms.command()
def post(
    name: str = NAME, by: str = BY, settings: Path | None = SETTINGS, as_json: bool = JSON
) -> None:
    """Put a draft in force, as a second person; customers accept it when they next come."""
    from upheld.practice import terms as versions

    with _gate(settings).together() as transaction:
        there = versions.post(transaction, name, user_id_of(transaction, by))
    _show(there, as_json=as_json)


@terms.command()
def drop(
    name: str = NAME, by: str = BY, settings: Path | None = SETTINGS, as_json: bool = JSON
) -> None:
    """Give a draft up; its words are deleted."""
    from upheld.practice import terms as versions

    with _gate(settings).together() as transaction:
        there = versions.drop(transaction, name, user_id_of(transaction, by))
    if as_json:
        print_json({"dropped": there.version, "digest": there.digest})
    else:
        print(f"draft {there.version} of the terms is dropped")


def _read(file: Path) -> str:
    """The text of a file; UpheldError where it cannot be read as one."""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise UpheldError(
            f"{file} cannot be read as text",
            code="terms-text",
            hint="name a file in Markdown, saved as UTF-8",
        ) from None


def _show(there: TermsVersion, *, as_json: bool) -> None:
    if as_json:
        print_json(there._asdict())
    else:
        print(_line(there))


def _line(there: TermsVersion) -> str:
    if there.posted_at is None:
        return f"draft: version {there.version}, digest {there.digest[:12]}"
    return (
        f"{there.number}: version {there.version}, posted {there.posted_at:%Y-%m-%d %H:%M} UTC,"
        f" digest {there.digest[:12]}"
    )
