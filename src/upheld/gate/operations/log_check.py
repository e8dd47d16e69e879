"""The verification of the log as a job: all of it within a day, some entries at a time.

Of each log of the database, those before a restore too: every entry is compared with the leaf that
was signed, its time and whose it is with what it commits to, the tiles with those above them, every
checkpoint's signature with its key and its root with the tree as it was then. What no checkpoint
covers yet, and where no log was begun every entry, is compared with its own commitment. Entries
about registers are compared with their records. Each part is seen from one moment, and what is
wrong is looked at again from another before it is kept for staff and told in the log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection

from upheld.core.counts import count_of
from upheld.database.checks import Problem
from upheld.database.statements import rows, to_bytes
from upheld.database.transaction import snapshot
from upheld.gate import findings
from upheld.gate.findings import CheckedPart
from upheld.gate.log import cosignatures, database_log, detach, entries, log_state
from upheld.gate.log.database_log import DatabaseLog, Log, LogError
from upheld.gate.operations import selfcheck
from upheld.gate.rounds import Round
from upheld.ledger.checkpoint import open_checkpoint
from upheld.ledger.note import NoteError
from upheld.ledger.tiles import WIDTH, TileError

if TYPE_CHECKING:
    from upheld.gate.gate import Gate

NAME: Final = "log-check"
SLICES: Final = 720  # in which all of it is read, of one a minute: half a day
LEAST: Final = 16 * WIDTH  # entries in a slice


class LogRereading:
    """A reading of the whole log, a slice at each call."""

    def __init__(self) -> None:
        self._round = Round(NAME)

    def read(self, gate: Gate) -> int:
        """Read some entries; how many. LogError where something is not as it was signed."""
        place = self._round.place(gate)
        first = int(place) if place.isdecimal() else 1
        with snapshot(gate.engine) as connection:
            end = _end(connection)
            most = max(LEAST, end // SLICES // WIDTH * WIDTH)
            last = min(first + most - 1, end)
            problems = _wrong(connection, first, last)
        if problems:
            with snapshot(gate.engine) as connection:
                again = _wrong(connection, first, last)
            problems = [each for each in problems if each in set(again)]
        over = last >= end
        part = CheckedPart(first=first, last=(1 << 62) if over else last)
        count = findings.keep(gate, NAME, part, problems)
        self._round.go_on(gate, "" if over else str(last + 1))
        if count:
            raise LogError(
                f"{count} things of the log are not as they were written", code="log-not-whole"
            )
        return max(0, last - first + 1)


def _end(connection: Connection) -> int:
    """The number of the last entry that there is, or that a checkpoint says there was."""
    last = entries.last_of(connection)
    end = last[0] if last else 0
    for log in database_log.logs(connection)[-1:]:
        covered = database_log.last_covered(connection, log)
        end = max(end, log.first + covered.size - 1 if covered else 0)
    return end


def _wrong(connection: Connection, first: int, last: int) -> list[Problem]:
    """What is wrong with some entries, and with the logs that they are in."""
    problems: dict[int, Problem] = {}
    several: list[Problem] = []
    logs = database_log.logs(connection)
    for at, log in enumerate(logs):
        after = logs[at + 1].first if at + 1 < len(logs) else last + 1
        if log.first <= last and after > first:
            several += _of_log(connection, log, max(first, log.first), min(last, after - 1))
    if first == 1:
        several += [
            Problem(str(each), "checkpoint", number=1) for each in cosignatures.wrong(connection)
        ]
    cut = detach.counts_within(connection, first, last)
    damaged_numbers = {each.number for each in several if each.subject == "entry"}
    for number in entries.damaged(connection, cut, (first, last)):
        if number not in damaged_numbers:
            text = (
                f"entry {number} is missing, or is not as it was written: what it says, its time,"
                " or whose it is"
            )
            problems[number] = Problem(text, "entry", number=number)
    damage = [
        entry
        for person_id, entry in entries.within(connection, first, last)
        if person_id is None and not entry.person
    ]
    registers = selfcheck.unlike_of_registers(connection, damage)
    several += [each._replace(number=first) for each in registers]
    return [*several, *problems.values(), *_nobody_is_there(connection, first, last)]


def _nobody_is_there(connection: Connection, first: int, last: int) -> list[Problem]:
    """The entries of people who are not there, though nobody erased them."""
    statement = (
        "SELECT min(number), person_id FROM entry e WHERE number >= ? AND number <= ?"
        " AND person_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM person p WHERE"
        " p.person_id = e.person_id) GROUP BY person_id"
    )
    return [
        Problem(
            f"entry {number} is about somebody who is gone without an erasure",
            "person",
            number=number,
        )
        for number, _ in rows(connection, statement, first, last)
    ]


def _of_log(connection: Connection, log: Log, first: int, last: int) -> list[Problem]:
    """What is wrong with the tree over some entries of a log, and with its checkpoints there."""
    problems: list[Problem] = []
    signed = database_log.last_covered(connection, log, signed=True)
    if signed is not None:
        stored = DatabaseLog(connection, log, signed.size)
        start, end = (first - log.first) // WIDTH, min(last - log.first, signed.size - 1) // WIDTH
        for index in range(start, end + 1):
            try:
                log_state.compare_bundle(connection, log, stored, index)
            except (TileError, LogError) as error:
                number = max(first, log.first + index * WIDTH)
                problems.append(Problem(str(error), "tile", number=number))
    problems += _checkpoints(connection, log, first, last)
    return problems


def _checkpoints(connection: Connection, log: Log, first: int, last: int) -> list[Problem]:
    """What is wrong with the checkpoints that end within some entries of a log."""
    problems: list[tuple[int, str]] = []
    statement = (
        "SELECT size, root, note FROM checkpoint WHERE log = ? AND size >= ? AND size <= ?"
        " ORDER BY size"
    )
    sizes = first - log.first + 1, last - log.first + 1
    for size, root, note in rows(connection, statement, log.first, *sizes):
        name = f"checkpoint of {count_of(size, 'entry')} of {log.origin}"
        try:
            if DatabaseLog(connection, log, size).subtree(0, size) != to_bytes(root):
                problems.append((size, f"{name}: it is not the tree as it was then"))
            if note is not None:
                checkpoint = open_checkpoint(
                    note.encode() if isinstance(note, str) else b"", log.key
                )
                if (checkpoint.size, checkpoint.root) != (size, to_bytes(root)):
                    problems.append((size, f"{name}: its row is not what was signed"))
        except (TileError, NoteError) as error:
            problems.append((size, f"{name}: {error}"))
    return [Problem(text, "checkpoint", number=log.first + size - 1) for size, text in problems]
