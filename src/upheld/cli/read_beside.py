"""Reading a file in a process of its own, beside the one that takes in what was read.

What is read comes through a pipe, some hundreds of rows at a time: whoever reads waits for whoever
takes in, so that there are never more in memory. In which order, whoever takes in says once it is
known. Where there is one processor, or a file is small, or the system cannot fork, it is read in
the same process.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from hashlib import file_digest
from itertools import islice
from multiprocessing import get_all_start_methods, get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from upheld.core.errors import UpheldError
from upheld.core.extras import missing_extra

LARGE: Final = 4 << 20  # bytes of a file for which a process is worth its start
_TOGETHER: Final = 500  # rows in one message
_ROWS, _ERROR, _END = b"r", b"e", b"."  # how a message begins
T = TypeVar("T")
Ask = Callable[[], str]  # waits for the order in which rows are wanted
Begin = Callable[[str], Iterator[T]]
FileState = tuple[int, ...]


class _Trouble(msgspec.Struct):
    """An error that was raised where the file is read."""

    kind: str
    message: str
    code: str
    hint: str


@contextmanager
def reading(
    path: Path, lines: Callable[[Ask], Iterable[T]], kind: type[T], *, worth: bool = True
) -> Generator[Begin[T], None, None]:
    """What begins to read a file: what `lines` reads, of one kind, beside this process if worth it.

    To be entered before anything is opened that a process does not share, such as a database;
    `lines` may do until it asks for the order what does not depend on it.
    UpheldError where the reader raised one, of the same class, or another error, of which nothing
    but its kind is told, since it may quote a row; and where it was stopped.
    """
    if not (worth and _is_worth_it(path)):
        yield lambda order: _guarded(lambda: lines(lambda: order))
        return
    context = get_context("fork")
    here, there = context.Pipe()
    process = context.Process(target=_send, args=(lines, here, there), daemon=True)
    process.start()
    there.close()

    def begin(order: str) -> Iterator[T]:
        with suppress(BrokenPipeError):  # it has ended, and says why
            here.send_bytes(order.encode())
        return _receive(here, kind)

    try:
        yield begin
    except BaseException:
        process.kill()  # it may be far from where it writes; it changes nothing
        raise
    finally:
        here.close()  # whoever reads on has nobody to write to, and ends
        process.join()


def state_of(path: Path) -> FileState:
    """Which file lies at a path, and whether it was changed; UpheldError where none is."""
    try:
        return state_as(path.stat())
    except OSError:
        raise UpheldError(f"{path} is not a file", code="unreadable", hint="name a file") from None


def state_as(its: os.stat_result) -> FileState:
    """What is another once a file is changed, or another one stands in its place."""
    return its.st_dev, its.st_ino, its.st_size, its.st_mtime_ns


def digest_of(path: Path, state: FileState) -> str:
    """The SHA-256 of a file, in hexadecimal digits.

    UpheldError where it is not what it was before its reading began: its rows may be another one's.
    """
    with path.open("rb") as raw:
        result = file_digest(raw, "sha256").hexdigest()
        if (state_as(os.fstat(raw.fileno())), state_of(path)) != (state, state):
            raise changed_file(path)
    return result


def changed_file(path: Path) -> UpheldError:
    """The error of a file that is another one than it was when its reading began."""
    return UpheldError(
        f"{path} was changed while it was read",
        code="unreadable",
        hint="what was taken in before is there; take in the file once it is whole",
    )


def _is_worth_it(path: Path) -> bool:
    return (
        "fork" in get_all_start_methods()
        and (os.cpu_count() or 1) > 1
        and path.is_file()
        and path.stat().st_size >= LARGE
    )


def _send(lines: Callable[[Ask], Iterable[T]], receiver: Connection, sender: Connection) -> None:
    """Read all, and write it into the pipe until nobody reads from it any more."""
    receiver.close()

    def ask() -> str:
        return sender.recv_bytes().decode()

    encode = msgspec.msgpack.Encoder().encode
    try:
        try:
            rest = _guarded(lambda: lines(ask))
            while some := list(islice(rest, _TOGETHER)):
                sender.send_bytes(_ROWS + encode(some))
            sender.send_bytes(_END)
        except BrokenPipeError:
            raise
        except Exception as error:  # noqa: BLE001 - whoever takes in says that, and it is no trace
            it = _error_of(error)
            trouble = _Trouble(_name_of(type(it)), str(it), it.code, it.hint)
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
    except (EOFError, OSError):  # the latter in the middle of a message
        message = b""
    if message[:1] == _ERROR:
        raise _raised(msgspec.msgpack.decode(memoryview(message)[1:], type=_Trouble))
    if message != _END:
        raise UpheldError(
            "the process that reads the file was stopped",
            code="reader",
            hint="start it again: it goes on where it was",
        )


def _guarded(lines: Callable[[], Iterable[T]]) -> Iterator[T]:
    """What a reader reads; an error that is none of ours becomes one."""
    try:
        yield from lines()
    except Exception as error:  # noqa: BLE001 - whatever a file may bring a reader to
        raise _error_of(error) from None


def _error_of(error: Exception) -> UpheldError:
    """An error of a reader as one of ours, which tells no value."""
    if isinstance(error, UpheldError):
        return error
    if isinstance(error, ImportError) and (missing := missing_extra(error)) is not None:
        return missing
    why = error.strerror if isinstance(error, OSError) else None
    return UpheldError(
        f"the file cannot be read: {why or type(error).__name__}",
        code="reader-error",
        hint="what was taken in before is there; put the file right, or report this",
    )


def _raised(trouble: _Trouble) -> UpheldError:
    """The error that a reader raised, of the class that it had there."""
    kinds: list[type[UpheldError]] = [UpheldError]
    for kind in kinds:  # which grows meanwhile
        if _name_of(kind) == trouble.kind:
            break
        kinds.extend(kind.__subclasses__())
    else:
        kind = UpheldError
    error = kind.__new__(kind, trouble.message)
    UpheldError.__init__(error, trouble.message, code=trouble.code, hint=trouble.hint)
    return error


def _name_of(kind: type[UpheldError]) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
