"""What pages tell of the whole: what is not whole, whom jobs set aside, the log for anybody."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from upheld.database.transaction import reading
from upheld.gate import findings, rounds, set_aside
from upheld.gate.findings import StoredFinding
from upheld.gate.log import cosignatures, database_log
from upheld.gate.log.database_log import Log
from upheld.gate.rounds import RoundState
from upheld.gate.set_aside import SetAside

if TYPE_CHECKING:
    from upheld.gate.gate import Gate


class WatchReport(NamedTuple):
    """What is not whole, whom jobs have set aside, and how far the looks have come."""

    findings: list[StoredFinding]
    waiting: list[SetAside]
    looks: list[RoundState]


def watch_report(gate: Gate) -> WatchReport:
    """Everything that was found and is not mended."""
    with reading(gate.engine) as connection:
        return WatchReport(
            findings.all_findings(connection),
            set_aside.everybody(connection),
            rounds.round_states(connection),
        )


def counts(gate: Gate) -> tuple[int, int]:
    """How many things were found not whole, and how many people and rows are set aside."""
    with reading(gate.engine) as connection:
        return findings.many(connection), set_aside.many(connection)


def waiting_apart(gate: Gate) -> int:
    """How much jobs set aside of those who are kept apart alone; the legal desk alone reads it."""
    with reading(gate.engine) as connection:
        return set_aside.many_apart(connection)


def logs(gate: Gate) -> list[Log]:
    """The logs of this database, each with its public key."""
    with reading(gate.engine) as connection:
        return database_log.logs(connection)


def note(gate: Gate, *, cosigned: bool) -> str:
    """The latest checkpoint as a signed note; UpheldError where there is none."""
    with reading(gate.engine) as connection:
        return cosignatures.note_to_serve(connection, cosigned=cosigned)
