"""What a process notes of itself while somebody tries what each word of its policy does.

`upheld mutate` runs a provider's stories and names, in environment variables, the policy that they
are to be told under (UPHELD_POLICY) and a folder (UPHELD_OBSERVATIONS). In every process with such
a folder this module appends lines of JSON to a file of its own there: which questions were asked of
the policy, which functions read it, and what came of it as pages, entries, citations and messages.

A question is words of the vocabulary and facts; of pages and messages only digests are noted. So no
value of anybody's is written, and where no folder is named nothing is.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

POLICY: Final = "UPHELD_POLICY"
FOLDER: Final = "UPHELD_OBSERVATIONS"
STORIES: Final = "UPHELD_STORIES"  # a file that lists the stories to tell, one a line
STORY: Final = "UPHELD_STORY"  # the story that is told now; processes that it starts inherit it
EVERYTHING: Final = "everything"
# What differs from one run to the next and says nothing: ids, tokens, digests, times of day.
_CHANGING: Final = re.compile(
    r"[0-9a-f]{8,}|[A-Za-z0-9_-]{20,}={0,2}|\b[A-Z0-9]{4}(?:-[A-Z0-9]{4})+\b|\d{1,2}:\d\d(?::\d\d)?"
)

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class Observer:
    """Appends what a process notes to a file of its own."""

    def __init__(self, folder: Path, *, questions: bool = True) -> None:
        """Without `questions` it notes only what comes of a story."""
        self.folder, self._questions = folder, questions
        self._lock = threading.Lock()
        self._noted_lines: set[str] = set()
        self._file, self._process = -1, 0

    def question(self, request: Mapping[str, Any], facts: Mapping[str, object]) -> None:
        """Note a question asked of the policy; the same one of the same story once."""
        self._write_once({"kind": "question", "request": request, "facts": facts})

    def reads(self, function: str, words: tuple[str | int, ...]) -> None:
        """Note that a function read the policy beside its questions."""
        self._write_once({"kind": "reading", "function": function, "words": list(words)})

    def note(self, kind: str, key: str, value: str = "") -> None:
        """Note what came of a story: under a key that names it, how it was."""
        self._write({"kind": kind, "key": key, "value": value, "story": story()})

    def _write_once(self, line: dict[str, Any]) -> None:
        if not self._questions or _SILENT.depth:
            return
        line["story"] = story()
        text = json.dumps(line, default=_plain, sort_keys=True)
        with self._lock:
            if text in self._noted_lines:
                return
            self._noted_lines.add(text)
        self._write(line)

    def _write(self, line: dict[str, Any]) -> None:
        text = json.dumps(line, default=_plain, sort_keys=True) + "\n"
        with self._lock:
            if self._process != os.getpid():  # a fork writes to a file of its own
                name = f"{os.getpid()}-{secrets.token_hex(4)}.jsonl"
                flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
                self._file = os.open(self.folder / name, flags, 0o600)
                self._process = os.getpid()
            os.write(self._file, text.encode())


class _Silent(threading.local):
    """How many times over this thread asks what is not noted."""

    depth = 0


_SILENT: Final = _Silent()


class _State:
    """The observer of this process, if its notes are wanted."""

    observer: Observer | None = None
    is_loaded = False  # whether the policy under test is


def story() -> str:
    """The name of the story that is told; empty where nobody names one."""
    return os.environ.get(STORY, "")


def observer() -> Observer | None:
    """Who takes notes in this process, if anybody does."""
    return _State.observer


def begin(folder: Path | None, *, questions: bool = True) -> None:
    """Take notes in a folder from now on, or none; of questions too, or only of what comes."""
    _State.observer = None if folder is None else Observer(folder, questions=questions)


@contextmanager
def pause_notes() -> Iterator[None]:
    """Do not note what this thread asks: a policy's own page quotes it, and nothing is done."""
    _SILENT.depth += 1
    try:
        yield
    finally:
        _SILENT.depth -= 1


def policy_under_test(otherwise: str | Path) -> Path:
    """The policy that the stories are to be told under: the one under test, or another."""
    return Path(path) if (path := os.environ.get(POLICY)) else Path(otherwise)


def loads(path: Path) -> None:
    """Keep in mind that the policy under test was loaded, if that is the one at a path."""
    path_under_test = os.environ.get(POLICY)
    if path_under_test and path.resolve() == Path(path_under_test).resolve():
        _State.is_loaded = True


def policy_is_loaded() -> bool:
    """Whether this process has loaded the policy under test."""
    return _State.is_loaded


def reading(
    function: Callable[Arguments, Result],
) -> Callable[Arguments, Result]:
    """Mark a function of a policy, and of words, that looks at its rules beside any question.

    A story that calls it is told again where it would give something else.
    """
    name = f"{function.__module__}:{function.__qualname__}"

    @wraps(function)
    def noting(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        if _State.observer is not None:
            _State.observer.reads(name, tuple(map(_word, args[1:])))
        return function(*args, **kwargs)

    noting.reads_policy = function  # type: ignore[attr-defined] # by which a name in a note is known to be one of ours
    return noting


def reads_everything() -> None:
    """Note that the story that is told looks at the whole policy."""
    if _State.observer is not None:
        _State.observer.reads(EVERYTHING, ())


def digest(text: str) -> str:
    """A digest of a text without what changes from run to run."""
    return hashlib.sha256(_CHANGING.sub("~", text).encode()).hexdigest()[:32]


def steady(text: str) -> str:
    """A text without what changes from run to run."""
    return _CHANGING.sub("~", text)


def _word(value: object) -> str | int:
    """An argument as text or number, so that the call can be repeated from the note."""
    return value if isinstance(value, int) else str(value)


def _plain(value: object) -> object:
    """An exact number as JSON has it."""
    number = float(str(value)) if not hasattr(value, "numerator") else value
    return float(number)  # type: ignore[arg-type] # a Decimal or Fraction


if _named := os.environ.get(FOLDER):
    begin(Path(_named))
