"""Rows that somebody without the keys changes."""

from __future__ import annotations

from typing import Final

from practices.conftest import House
from upheld.core.ids import PersonId
from upheld.database.statements import run
from upheld.database.transaction import writing

WRONG: Final = b"\x01" + bytes(60)


def change(house: House, statement: str, *whose: PersonId) -> None:
    """Change something of some people behind our back: of each the statement sets it wrong."""
    with writing(house.provider.gate.gate.engine) as connection:
        for each in whose:
            run(connection, statement, WRONG, each)
