"""A second process that encrypts or decrypts many age files, beside the work of this one.

pyrage keeps Python to itself while it works, so that threads of one process would wait for one
another. What the other process cannot do, as when it was killed or stopped, this one does itself.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from select import POLLIN, POLLOUT, poll
from typing import Final, Self

from upheld.core.helper_process import HelperProcess
from upheld.practices.takeovers import age_child
from upheld.practices.takeovers.age_child import DONE, LENGTH, frame

FEWEST: Final = 50  # files for which it is worth a process
AHEAD: Final = 16  # files that wait for the other process before this one does some itself
QUEUE_MAX: Final = 4 * AHEAD  # files that are done and wait for one before them
CHUNK: Final = 1 << 16  # bytes
WAIT_MAX: Final = 10.0  # seconds for which the other process may do nothing


class AgeFile:
    """A file that is asked for: what it is made of, and what became of it once that is there."""

    __slots__ = ("content", "is_over", "result")

    def __init__(self, content: bytes) -> None:
        self.content, self.is_over = content, False
        self.result: bytes | None = None


class AgeHelper:
    """The other process, of one task: to encrypt to a key, or to decrypt with an identity.

    `own` does the same here. For fewer files than are worth it there is no other process.
    """

    def __init__(self, kind: bytes, key: str, own: Callable[[bytes], bytes], expected: int) -> None:
        self.key, self._own = key, own
        self._waiting: deque[AgeFile] = deque()
        self._poll = poll()  # not `select`, which knows no more than 1,024 open files
        self._to_send, self._received = bytearray(), bytearray()
        self.child: HelperProcess | None = None
        if expected < FEWEST:
            return
        with suppress(OSError):
            self.child = HelperProcess(age_child.__file__)
            for pipe in self.child.pipes:
                os.set_blocking(pipe, False)
            self._poll.register(self.child.pipes[1], POLLIN)
            self._to_send += frame(kind + key.encode())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def ask(self, content: bytes) -> AgeFile:
        """Let a content be encrypted or decrypted; `answer` waits for what it becomes."""
        file = AgeFile(content)
        if self.child is not None:
            self._waiting.append(file)
            self._to_send += frame(content)
            self._exchange(0)
        return file

    def answer(self, file: AgeFile) -> bytes:
        """What became of a content; an error of pyrage where it cannot be done."""
        while self.child is not None and not file.is_over:
            if not self._exchange(WAIT_MAX):
                self._stop()
        return self._own(file.content) if file.result is None else file.result

    def each(self, contents: Iterable[bytes]) -> Iterator[bytes]:
        """What becomes of each content, in their order; both processes work at it."""
        queue: deque[AgeFile] = deque()
        for content in contents:
            if len(self._waiting) < AHEAD:
                queue.append(self.ask(content))
            else:
                file = AgeFile(content)
                file.result, file.is_over = self._own(content), True
                queue.append(file)
                self._exchange(0)
            while queue and (self.child is None or queue[0].is_over or len(queue) > QUEUE_MAX):
                yield self.answer(queue.popleft())
        while queue:
            yield self.answer(queue.popleft())

    def _exchange(self, seconds: float) -> bool:
        """Send what waits and take what is there, if anything can be in some time; whether so."""
        if self.child is None:
            return False
        to, from_ = self.child.pipes
        self._poll.register(to, POLLOUT if self._to_send else 0)
        events = dict(self._poll.poll(int(seconds * 1000)))
        try:
            if to in events:
                del self._to_send[: os.write(to, self._to_send[:CHUNK])]
            if from_ in events:
                self._take(os.read(from_, CHUNK))
        except BlockingIOError:
            pass  # what is full or empty now is not so at the next exchange
        except OSError:  # it is gone
            self._stop()
        return bool(events)

    def _take(self, chunk: bytes) -> None:
        if not chunk:
            self._stop()
        self._received += chunk
        while len(self._received) >= LENGTH:
            end = LENGTH + int.from_bytes(self._received[:LENGTH], "big")
            if len(self._received) < end:
                return
            file, answer = self._waiting.popleft(), bytes(self._received[LENGTH:end])
            del self._received[:end]
            file.result = answer[1:] if answer[:1] == DONE else None
            file.is_over = True

    def _stop(self) -> None:
        """End the other process; what it did not do is done here."""
        child, self.child = self.child, None
        self._waiting.clear()
        self._received.clear()
        if child is not None:
            child.stop()
