"""Opens the keys and some fields of everybody in a database, for the process that started it.

It is run by its path, and gets over its input where the database is, the keys of the epochs and the
fields. It reads and changes nothing, keeps nothing, and ends when nobody reads what it writes.
"""

from __future__ import annotations

import gc
import os
import resource
import sys
import threading
from collections import defaultdict
from pathlib import Path
from queue import Queue
from typing import TYPE_CHECKING, Any, Final

if __name__ == "__main__":  # by its path alone, our own room is not on Python's
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import msgspec

from upheld.core.errors import UpheldError
from upheld.database.engines import open_database
from upheld.database.statements import placeholders, rows
from upheld.database.transaction import reading
from upheld.vault import people, values
from upheld.vault.keyring import Epoch, Keyring, Passphrase
from upheld.vault.opened_ahead import LENGTH, OpenedPerson, Order

if TYPE_CHECKING:
    from sqlalchemy import Connection

LOT: Final = 1_000  # people in one frame
QUEUE_MAX: Final = 8  # frames that wait for whoever reads them
OCCASION: Final = 4  # of a value's columns
NOBODY: Final = OpenedPerson(("", "", b"", 0, b""), {})  # no row is this one: it is never taken
BETWEEN: Final = (  # the rows of some fields of everybody from one id to another
    f"SELECT {values.COLUMNS}, v.person_id FROM value v WHERE v.current = ?"  # noqa: S608 - columns alone
    " AND v.field IN ({}) AND v.person_id BETWEEN ? AND ?"
)


class EpochKeys(Keyring):
    """The keys of the epochs there were when the process was started, and no other key."""

    def __init__(self, epochs: tuple[Epoch, ...]) -> None:
        super().__init__(Path(), Passphrase("-" * 12), b"", epochs)

    def refresh(self) -> None:
        """Know no more: whoever's key is of a later epoch is left to the process that asks."""


def lots(order: Order) -> Any:
    """Everybody who is active, in the order of their ids, some at a time, as they are opened."""
    keys = EpochKeys(tuple(order.epochs))
    engine, after = open_database(order.database, make=False), ""
    while True:
        with reading(engine) as connection:
            person_rows = rows(connection, people.NEXT, people.ACTIVE, after, LOT)
            if not person_rows:
                return
            lot = opened(connection, keys, person_rows, order)
        yield lot  # outside the transaction, as nobody may read it for long
        after = person_rows[-1][0]


def opened(
    connection: Connection,
    keys: Keyring,
    person_rows: list[tuple[Any, ...]],
    order: Order,
) -> dict[str, OpenedPerson]:
    """The next people with the rows of some fields; whose do not open is left out."""
    fields, apart = order.fields, set[str]()
    their_rows: defaultdict[str, values.Fetched] = defaultdict(dict)
    first, last = person_rows[0][0], person_rows[-1][0]
    statement = BETWEEN.format(placeholders(fields))
    for row in rows(connection, statement, True, *fields, first, last) if fields else ():
        their_rows[row[-1]].setdefault(row[0], []).append(row[:-1])
        if row[OCCASION] == order.apart:
            apart.add(row[-1])
    result = {}
    for row in person_rows:
        columns, fetched = row[: people.KEY_COLUMNS], their_rows[row[0]]
        if row[0] in apart:
            result[row[0]] = NOBODY
            continue
        try:
            person = people.person_from_row(keys, columns)
            series = {field: values.open_rows(person, field, fetched) for field in fields}
        except (UpheldError, TypeError, ValueError):  # it is told where somebody asks about them
            continue
        result[row[0]] = OpenedPerson(columns, series)
    return result


def write(queue: Queue[bytes]) -> None:
    """Write frames, the last one empty; end the process where nobody reads them any more."""
    try:
        while True:
            frame = queue.get()
            view = memoryview(len(frame).to_bytes(LENGTH, "big") + frame)
            while view:
                view = view[os.write(1, view) :]
            if not frame:
                return
    except OSError:
        os._exit(1)


def main() -> None:
    """Write what is ordered, frame by frame."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # what is in memory here is somebody's
    gc.disable()  # of what is opened nothing refers to itself
    length = int.from_bytes(sys.stdin.buffer.read(LENGTH), "big")
    order = msgspec.msgpack.decode(sys.stdin.buffer.read(length), type=Order)
    queue: Queue[bytes] = Queue(QUEUE_MAX)
    writer = threading.Thread(target=write, args=(queue,), daemon=True)
    writer.start()
    encode = msgspec.msgpack.Encoder().encode
    for lot in lots(order):
        queue.put(encode(lot))
    queue.put(b"")
    writer.join()


if __name__ == "__main__":
    main()
