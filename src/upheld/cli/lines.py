"""Questions a line, answers a line: for programs, without end and in constant memory.

Whatever has arrived is answered and flushed before more is read, so that a program can ask, wait
for the answer and ask again. A bad line is answered as an error and the rest go on.
"""

from __future__ import annotations

import sys
from codecs import BOM_UTF8
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from io import BufferedIOBase
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import msgspec

from upheld.core.errors import UpheldError
from upheld.core.members import has_duplicate_member
from upheld.policy.request import Decision

if TYPE_CHECKING:
    from upheld.policy.load import Policy

LINE_MAX = 1 << 20  # bytes of a line; a longer one is answered with an error
CHUNK = 1 << 16  # bytes read at once, if so many have arrived
ANSWERS_MAX = 8_192  # different answers kept, and
ASKED_MAX = 1 << 24  # bytes of the questions that led to them, before all is forgotten

TOO_LONG = Decision(
    outcome="error", code="too-large", why=f"the line is longer than {LINE_MAX} bytes"
)
EMPTY = Decision(outcome="error", code="bad-line", why="the line is empty")
NO_JSON = Decision(outcome="error", code="bad-line", why="the line is not JSON")
TWICE = Decision(outcome="error", code="bad-line", why="a key stands twice in one object")
TOO_DEEP = Decision(outcome="error", code="bad-line", why="the line is nested too deep")

decode = msgspec.json.Decoder(float_hook=Decimal).decode
encode = msgspec.json.Encoder(decimal_format="number").encode


def batches(source: BufferedIOBase) -> Iterator[list[bytes | None]]:
    """What has arrived, in whole lines without their ends; None for a line that is too long."""
    partial, over, first = b"", False, True
    while chunk := _read(source):
        pieces: list[bytes] = chunk.split(b"\n")
        pieces[0] = partial + pieces[0]
        partial = pieces.pop()
        lines: list[bytes | None] = [None if len(p) > LINE_MAX else p for p in pieces]
        if over and lines:
            lines[0], over = None, False
        if over or len(partial) > LINE_MAX:
            partial, over = b"", True
        if lines:
            yield _without_mark(lines) if first else lines
            first = False
    if over or partial:
        last = [None if over else partial]
        yield _without_mark(last) if first else last


def _without_mark(lines: list[bytes | None]) -> list[bytes | None]:
    """The first lines of a file without the byte order mark that some editors write."""
    return [lines[0] and lines[0].removeprefix(BOM_UTF8), *lines[1:]]


def _read(source: BufferedIOBase) -> bytes:
    try:
        return source.read1(CHUNK)
    except OSError as error:
        raise UpheldError(
            f"the questions cannot be read: {error.strerror}",
            code="unreadable",
            hint="name a file of questions, one JSON object a line",
        ) from None


class Answers:
    """Answers lines of one policy. What it keeps is bounded, and forgotten with the plans."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.errors = 0
        self._lines_of: dict[int, tuple[Decision, bytes]] = {}
        self._bytes_answered = 0

    def line(self, line: bytes | None) -> bytes:
        """The answer to one line, as a line."""
        question, wrong = question_in(line)
        answer = self._encoded(
            self.policy.ask(question) if wrong is None else wrong, len(line or b"")
        )
        if type(question) is not dict or "id" not in question:
            return answer
        try:
            return b'{"id":' + encode(question["id"]) + b"," + answer[1:]
        except RecursionError:
            return self._encoded(TOO_DEEP, 0)

    def _encoded(self, decision: Decision, size: int) -> bytes:
        """A decision as a line. The engine hands out the same one again, so its bytes are kept."""
        encoded = self._lines_of.get(id(decision))
        if encoded is not None:
            return encoded[1]
        answer = encode(decision) + b"\n"
        if decision.outcome == "error":  # made for this line alone
            self.errors += 1
            return answer
        self._bytes_answered += size
        if len(self._lines_of) >= ANSWERS_MAX or self._bytes_answered > ASKED_MAX:
            self._lines_of.clear()
            self.policy.engine.plans.clear()
            self._bytes_answered = 0
        self._lines_of[id(decision)] = decision, answer
        return answer


def question_in(line: bytes | None) -> tuple[object, Decision | None]:
    """The JSON of a line, and the answer to it already where it is not a question."""
    if line is None:
        return None, TOO_LONG
    try:
        question = decode(line)
    except RecursionError:
        return None, TOO_DEEP
    except (msgspec.DecodeError, ValueError, ArithmeticError):
        return None, NO_JSON if line.strip() else EMPTY
    if (
        type(question) is dict
        and line.count(b":") != _keys(question)
        and has_duplicate_member(line)
    ):
        return question, TWICE
    return question, None


def _keys(question: dict[str, Any]) -> int:
    """How many keys a plain question has: fewer than its colons if any stands twice."""
    facts = question.get("facts")
    return len(question) + (len(facts) if type(facts) is dict else 0)


@contextmanager
def opened(requests: str) -> Iterator[BufferedIOBase]:
    """A file of questions, or standard input for `-`; UpheldError where it cannot be opened."""
    if requests == "-":
        if sys.stdin is None:
            raise UpheldError(
                "there is no standard input",
                code="unreadable",
                hint="name a file of questions, or pipe them in",
            )
        yield cast("BufferedIOBase", sys.stdin.buffer)
        return
    try:
        source = Path(requests).open("rb")  # noqa: SIM115 - closed below; here only opening may fail
    except (OSError, ValueError) as error:
        raise UpheldError(
            f"{requests} cannot be read: {getattr(error, 'strerror', error)}",
            code="unreadable",
            hint="name a file of questions, one JSON object a line",
        ) from None
    with source:
        yield source


def answer_lines(policy: Policy, source: BufferedIOBase, out: IO[bytes]) -> bool:
    """An answer a line for a question a line; whether none of them was an error."""
    answers = Answers(policy)
    for lines in batches(source):
        out.write(b"".join(map(answers.line, lines)))
        out.flush()
    return not answers.errors
