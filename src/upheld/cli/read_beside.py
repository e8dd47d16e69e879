"""Reading a file in a process of its own, beside the one that takes in what was read.

What is read comes through a pipe, some hundreds of rows at a time: whoever reads waits for whoever
takes in, so that there are never more in memory. Where there is one processor, or a file is small,
or the system cannot fork, it is read in the same process.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from hashlib import file_digest
from itertools import islice
from multiprocessing import get_all_start_methods, get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from upheld.core.errors import UpheldError

LARGE: Final = 4 << 20  # bytes of a file for which a process is worth its start
_TOGETHER: Final = 500  # rows in one message
_ROWS, _ERROR, _END = b"r", b"e", b"."  # how a message begins
T = TypeVar("T")


class _Trouble(msgspec.Struct):
    """An error that was raised where the file is read."""

    message: str
    code: str
    hint: str


@contextmanager
def reading(
    path: Path, lines: Callable[[], Iterable[T]], kind: type[T], *, worth: bool = True
) -> Generator[Iterator[T], None, None]:
    """What `lines` reads of a file, of one kind, beside this process if that is worth it.

    To be begun before anything is opened that a process does not share, such as a database.
    UpheldError where the reader raised one, or was stopped.
    """
    if not (worth and _is_worth_it(path)):
        yield iter(lines())
        return
    context = get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(lines, receiver, sender), daemon=True)
    process.start()
    sender.close()
    try:
        yield _receive(receiver, kind)
    finally:
        receiver.close()  # whoever reads on has nobody to write to, and ends
        process.join()


def digest_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as raw:
        return file_digest(raw, "sha256").hexdigest()


def _is_worth_it(path: Path) -> bool:
    return (
        "fork" in get_all_start_methods()
        and (os.cpu_count() or 1) > 1
        and path.is_file()
        and path.stat().st_size >= LARGE
    )


def _send(lines: Callable[[], Iterable[T]], receiver: Connection, sender: Connection) -> None:
    """Read all, and write it into the pipe until nobody reads from it any more."""
    receiver.close()
    encode = msgspec.msgpack.Encoder().encode
    try:
        try:
            rest = iter(lines())
            while some := list(islice(rest, _TOGETHER)):
                sender.send_bytes(_ROWS + encode(some))
            sender.send_bytes(_END)
        except UpheldError as error:
            trouble = _Trouble(str(error), error.code, error.hint)
            sender.send_bytes(_ERROR + encode(trouble))
    except (BrokenPipeError, KeyboardInterrupt):
        pass
    finally:
        sender.close()


def _receive(receiver: Connection, kind: type[T]) -> Iterator[T]:
    decode = msgspec.msgpack.Decoder(list[kind]).decode  # type: ignore[valid-type] # told at run time
    try:
        while (message := receiver.recv_bytes())[:1] == _ROWS:
            yield from decode(memoryview(message)[1:])
    except EOFError:
        message = b""
    if message[:1] == _ERROR:
        trouble = msgspec.msgpack.decode(memoryview(message)[1:], type=_Trouble)
        raise UpheldError(trouble.message, code=trouble.code, hint=trouble.hint)
    if message != _END:
        raise UpheldError(
            "the process that reads the file was stopped",
            code="reader",
            hint="start it again: it goes on where it was",
        )
