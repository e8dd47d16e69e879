"""Encrypts or decrypts age files for the process that started it, until its input ends.

It is run by its path, so that it loads nothing but pyrage. Frames are a length of four bytes and as
many bytes. The first has a letter and a key: `E` and whom to encrypt to, or `D` and an identity. To
each one after it there is an answer in their order: `+` and the content, or `-` where that failed.
"""

from __future__ import annotations

import resource
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

LENGTH: Final = 4
ENCRYPT, DECRYPT = b"E", b"D"
DONE, FAILED = b"+", b"-"


def frame(content: bytes) -> bytes:
    """A content as it goes through a pipe."""
    return len(content).to_bytes(LENGTH, "big") + content


def read(stream: BinaryIO) -> bytes | None:
    """The next frame's content; None at the end, and where it is cut."""
    head = stream.read(LENGTH)
    length = int.from_bytes(head, "big")
    content = stream.read(length) if len(head) == LENGTH else b""
    return content if len(head) == LENGTH and len(content) == length else None


def task_of(order: bytes) -> Callable[[bytes], bytes]:
    """What is done with each content, by the first frame."""
    import pyrage  # noqa: PLC0415 - loaded on use

    kind, key = order[:1], order[1:].decode()
    if kind == ENCRYPT:
        recipient = pyrage.x25519.Recipient.from_str(key)
        return lambda content: pyrage.encrypt(content, [recipient])
    identity = pyrage.x25519.Identity.from_str(key)
    return lambda content: pyrage.decrypt(content, [identity])


def main() -> None:
    """Answer each frame of the standard input on the standard output."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # what is in memory here is somebody's
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    order = read(source)
    if order is None:
        return
    task = task_of(order)
    while (content := read(source)) is not None:
        try:
            answer = DONE + task(content)
        except Exception:  # noqa: BLE001 - whoever asked does it anew, and says what is wrong
            answer = FAILED
        sink.write(frame(answer))
        sink.flush()


if __name__ == "__main__":
    main()
