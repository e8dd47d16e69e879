"""What commands share that take a step for a desk: who takes it, a day, a text from a file.

The name after `--by` is taken on trust, since whoever can run a command has the provider's keys.
"""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from upheld.core.errors import UpheldError
from upheld.core.files import read_file
from upheld.core.ids import UserId

if TYPE_CHECKING:
    from upheld.gate.transaction import Transaction

BY = typer.Option(..., "--by", help="The name by which the member of staff signs in.")


def user_id_of(transaction: Transaction, sign_in: str) -> UserId:
    """The id of the member of staff who signs in by a name; PeopleError where there is nobody."""
    from upheld.practices.staff import people

    return people.by_sign_in(transaction, sign_in)


def actor_of(transaction: Transaction, sign_in: str) -> str:
    """Who an entry names for them: `staff` and their id; PeopleError where there is nobody."""
    return f"staff {user_id_of(transaction, sign_in)}"


def read_day(text: str) -> date | None:
    """A day like 2026-11-01, or None for no text; UpheldError for anything else."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise UpheldError(
            "a day is written like 2026-11-01", code="usage", hint="year, month, day"
        ) from None


def read_text(name: str, most: int, *, reader: str = "") -> str:
    """What stands in a file, or on standard input for `-`: from one to `most` characters.

    `reader` is who reads it, for the hint. UpheldError where it is empty or longer.
    """
    raw = sys.stdin.buffer.read() if name == "-" else read_file(Path(name))[0]
    text = raw.decode(errors="replace").strip()
    if not 0 < len(text) <= most:
        lead = f"{reader} reads it: " if reader else ""
        raise UpheldError(
            "the text is empty or too long",
            code="usage",
            hint=f"{lead}write at most {most:,} characters",
        )
    return text
