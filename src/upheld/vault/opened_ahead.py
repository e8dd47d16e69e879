"""People whose keys and values a second process opens ahead of the act that reads them.

To open is most of what it takes to look at a million people. Whoever is opened ahead is taken only
where their row is, byte for byte, the one that the act reads itself under its own lock: the list of
what is held is in it, with the digest of each value. Everybody else is opened there and then, as
they all are where the other process was killed, stands still or was not worth its start.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path
from select import POLLIN, poll
from typing import Any, Final, Self

import msgspec

from upheld.core.garbage import no_search
from upheld.core.helper_process import HelperProcess
from upheld.vault.keyring import Epoch, Keyring
from upheld.vault.people import KEY_COLUMNS
from upheld.vault.values import Value

LENGTH: Final = 4  # bytes of a frame's length, which is before it
FEWEST: Final = 20_000  # people for whom it is worth a process
CHUNK: Final = 1 << 20  # bytes
CHILD: Final = str(Path(__file__).with_name("opening_child.py"))
WAIT_MAX: Final = 30.0  # seconds for which the other process may give nothing


class Order(msgspec.Struct, frozen=True):
    """What the other process is told: it has no other way to the keys."""

    database: str
    epochs: tuple[Epoch, ...]
    fields: tuple[str, ...]
    apart: str  # whoever has a value that came in on this occasion is left to whoever asks

    def __repr__(self) -> str:
        return f"Order({self.fields})"


class OpenedPerson(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Somebody's row with their key, and the rows of fields that were opened with it."""

    columns: tuple[str, str, bytes, int, bytes]
    series: dict[str, tuple[Value, ...]]

    def __repr__(self) -> str:
        return f"OpenedPerson({self.columns[0]!r})"


_LOT = msgspec.msgpack.Decoder(dict[str, OpenedPerson])  # by their ids


def is_worth_it(people: int) -> bool:
    """Whether a process is worth its start for so many people."""
    return people >= FEWEST and (os.cpu_count() or 1) > 1


class OpenedAhead:
    """The people who are opened ahead, in the order of their ids; a `with` block ends the other."""

    def __init__(self, order: Order | None) -> None:
        """Without an order, nobody is."""
        self.fields = frozenset(order.fields if order else ())
        self._there: dict[str, OpenedPerson] = {}
        self._received = bytearray()
        self.helper: HelperProcess | None = None
        if order is None:
            return
        with suppress(OSError):
            self.helper = HelperProcess(CHILD)
            if hasattr(fcntl, "F_SETPIPE_SZ"):  # Linux: else they wait for one another more often
                with suppress(OSError):
                    fcntl.fcntl(self.helper.pipes[1], fcntl.F_SETPIPE_SZ, CHUNK)
            frame = msgspec.msgpack.encode(order)
            os.write(self.helper.pipes[0], len(frame).to_bytes(LENGTH, "big") + frame)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        self._there.clear()

    def wait(self, after: str, most: int) -> None:
        """Wait until so many people after an id are opened, or all are; forget those before.

        To be called while nobody waits for whoever calls.
        """
        for person_id in list(self._there):
            if person_id > after:
                break
            del self._there[person_id]
        while self.helper is not None and len(self._there) < most:
            frame = self._frame()
            if not frame:
                self._stop()
                return
            try:
                with no_search():
                    self._there.update(_LOT.decode(frame))
            except msgspec.MsgspecError:
                self._stop()

    def covers(self, fields: Collection[str]) -> bool:
        """Whether all of some fields are opened ahead."""
        return self.fields.issuperset(fields) and bool(self._there)

    def among(
        self, person_rows: Sequence[tuple[Any, ...]], keyring: Keyring
    ) -> dict[str, OpenedPerson]:
        """Those of some rows' people whose row is the one that was opened, by their ids.

        Whoever's key is of an epoch that the keyring has no more is nobody's to open.
        """
        there, numbers = self._there, {each.number for each in keyring.epochs}
        return {
            row[0]: its
            for row in person_rows
            if (its := there.get(row[0])) and its.columns == row[:KEY_COLUMNS] and row[3] in numbers
        }

    def _frame(self) -> bytes:
        """The next frame; nothing at the end, and where it does not come."""
        if self.helper is None:
            return b""
        from_ = self.helper.pipes[1]
        waiting = poll()  # not `select`, which knows no more than 1,024 open files
        waiting.register(from_, POLLIN)
        received = self._received
        while True:
            end = LENGTH + int.from_bytes(received[:LENGTH], "big")
            if len(received) >= max(end, LENGTH):
                frame = bytes(received[LENGTH:end])
                del received[:end]
                return frame
            if not waiting.poll(int(WAIT_MAX * 1000)):
                return b""
            chunk = os.read(from_, CHUNK)
            if not chunk:
                return b""
            received += chunk

    def _stop(self) -> None:
        helper, self.helper = self.helper, None
        self._received.clear()
        if helper is not None:
            helper.stop()
