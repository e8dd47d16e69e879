"""What allowed the acts of all stories: kept here, since conftest is loaded more than once."""

from __future__ import annotations

from upheld.core.sql import rows
from upheld.core.transaction import reading
from upheld.gate.gate import Gate
from upheld.ledger.entries import decode

CITED: dict[str, set[tuple[str, ...]]] = {}  # by policy: the clauses of each act


def cite(gate: Gate) -> None:
    """Keep what allowed the acts of a story."""
    with reading(gate.engine) as connection:
        for (body,) in rows(connection, "SELECT body FROM entry"):
            entry = decode(bytes(body))
            if entry.kind == "act" and entry.clauses:
                CITED.setdefault(entry.policy, set()).add(entry.clauses)
