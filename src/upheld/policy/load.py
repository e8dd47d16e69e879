"""The way in: a Markdown file, its text, or a compiled file becomes a Policy that answers.

A compiled file is a magic word, a format version, a SHA-256 and MessagePack; nothing in it runs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from upheld.core import observing
from upheld.core.errors import Fault, PolicyError, RequestError
from upheld.policy.decide import Engine, QuestionPlan
from upheld.policy.evaluate import amount
from upheld.policy.fact_space import truth
from upheld.policy.program import Example, Front, Program
from upheld.policy.request import Decision, Request, error_decision
from upheld.policy.vocabulary import DIMENSIONS

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from upheld.policy.bulk.columns import Question as BulkQuestion

MAGIC = b"upheld policy\n"
FORMAT = 2  # 1 has no legal bases and no duties of examples, and reads as it is
HEAD = len(MAGIC) + 1 + 32
KEYS = frozenset(("id", "action", "facts", *DIMENSIONS))
NO_FACTS: dict[str, object] = {}


class Policy:
    """A policy, loaded whole and immutable: the page's text, the rules, one digest over both."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._engine = Engine(program)

    @property
    def digest(self) -> str:
        """SHA-256 over the exact file and its vocabulary, as 64 hexadecimal digits."""
        return self.program.digest

    @property
    def front(self) -> Front:
        """The front matter."""
        return self.program.front

    @cached_property
    def engine(self) -> Engine:
        """The compiled form, for analysis and bulk."""
        return self._engine

    def decide(self, request: Request, facts: Mapping[str, object] | None = None) -> Decision:
        """Decide a request under facts that the caller has proven.

        A wrong word or fact gives a decision whose outcome is `error`; it allows nothing.
        """
        return self._engine.decide(request, NO_FACTS if facts is None else facts)

    def question(self, action: str, **dimensions: Any) -> QuestionPlan:
        """Prepare a question for a hot loop: the result, called with facts, decides.

        Raises RequestError if the question cannot be asked.
        """
        return self._engine.plan(Request(action, **dimensions))

    def ask(self, question: object) -> Decision:
        """Decide a question as JSON has it: a mapping with action, dimensions and facts."""
        try:
            request, facts = request_of(question)
        except RequestError as error:
            return error_decision(error)
        return self._engine.decide(request, facts)

    def answer(self, question: object) -> dict[str, Any]:
        """The answer to a question as JSON has it, its `id` given back."""
        answer: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self.ask(question)))
        if isinstance(question, Mapping) and "id" in question:
            return {"id": question["id"], **answer}
        return answer

    def holds(self, fact: str, facts: Mapping[str, object]) -> bool | None:
        """Whether a fact holds given some facts, derived as the vocabulary says.

        None where that is not enough to tell, or the vocabulary has no such fact.
        """
        derived = self.program.derived.get(fact)
        if derived is not None:
            return truth(derived, facts, self.program.vocabulary.facts)
        return facts[fact] is True if fact in facts else None

    def example(self, example: Example) -> tuple[Decision, str]:
        """The decision on an example of the document, and what it should have been.

        The second is empty where the policy answers as the example says.
        """
        question = example.question
        decision = self.ask(
            {"action": question.action, **question.dimensions, "facts": question.facts}
        )
        answered_duties = {(d.duty, d.amount, d.unit) for d in decision.duties}
        lacking = [
            d for d in example.duties if (d.duty, amount(d.amount), d.unit) not in answered_duties
        ]
        if decision.outcome != example.answer:
            return decision, example.answer
        if lacking:
            lines = (" ".join(filter(None, (d.duty, d.amount, d.unit))) for d in lacking)
            return decision, f"{example.answer} with {', '.join(lines)}"
        return decision, ""

    def screen(self, table: ir.Table, question: BulkQuestion, **more: Any) -> ir.Table:
        """The table with the decision as columns: an Ibis expression; see `policy.bulk.screen`."""
        from upheld.policy.bulk.screen import screen  # noqa: PLC0415 - one policy, one question needs no tables

        return screen(self, table, question, **more)

    def where(self, question: BulkQuestion, **more: Any) -> Callable[[ir.Table], ir.BooleanValue]:
        """A condition for `table.filter(…)`: what is allowed in every world; see `policy.bulk`."""
        from upheld.policy.bulk.screen import where  # noqa: PLC0415 - as above

        return where(self, question, **more)


def request_of(question: object) -> tuple[Request, Mapping[str, object]]:
    """The request and facts of a question as JSON has it; RequestError if it is not a question."""
    if not isinstance(question, Mapping):
        raise RequestError(
            "a question must be an object",
            code="bad-line",
            hint='such as {"action": "share", "data": "email"}',
        )
    if strange := [key for key in question if key not in KEYS]:
        raise RequestError(
            f"a question has no `{strange[0]}`",
            code="bad-line",
            hint="it has " + ", ".join(sorted(KEYS)),
        )
    dimensions = {d: question[d] for d in DIMENSIONS if d in question}
    for dimension, words in dimensions.items():
        is_list = isinstance(words, (list, tuple)) and all(isinstance(w, str) for w in words)
        if not is_list and not isinstance(words, str):
            raise RequestError(
                f"`{dimension}` must be a term or a list of terms", code="wrong-type"
            )
    action = question.get("action")
    if not isinstance(action, str):
        code = "unknown-action" if action is None else "wrong-type"
        raise RequestError(
            "a question names its `action`, a word", code=code, hint='such as "action": "share"'
        )
    facts = question.get("facts", NO_FACTS)
    if not isinstance(facts, Mapping):
        raise RequestError(
            "`facts` must map names to values", code="wrong-type", hint='such as {"age": 17}'
        )
    return Request(action, **dimensions), facts


def load(path: str | Path) -> Policy:
    """Load a policy from a Markdown file or from one that `upheld compile` wrote.

    Raises PolicyError with every mistake of the file, its path and vocabulary included.
    """
    path = Path(path)
    if observing.observer() is not None:
        observing.loads(path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise PolicyError(
            [
                Fault(
                    file=str(path),
                    line=1,
                    column=1,
                    code="unreadable",
                    message=f"the policy cannot be read: {error.strerror}",
                    expected="a file to read",
                )
            ]
        ) from None
    if raw.startswith(MAGIC):
        return Policy(unpack(raw, str(path)))
    return Policy(read_program(raw, str(path), base=path.parent))


def load_text(text: str, *, vocabulary: str | None = None, file: str = "policy.md") -> Policy:
    """Load a policy from text; `vocabulary`, TOML text, stands instead of the one it names."""
    return Policy(read_program(text.encode(), file, vocabulary=vocabulary))


def read_program(
    raw: bytes, file: str, *, base: Path | None = None, vocabulary: str | None = None
) -> Program:
    """Turn the bytes of a policy into a program, loading parsers on first use; PolicyError."""
    from upheld.policy.document import decode, read_document  # noqa: PLC0415 - a compiled file needs no parser
    from upheld.policy.read_vocabulary import parse_vocabulary, read_vocabulary  # noqa: PLC0415 - as above
    from upheld.policy.resolve import resolve  # noqa: PLC0415 - a compiled file needs no parser

    text, faults = decode(raw, file)
    if faults:
        raise PolicyError(faults)
    document, faults = read_document(text, file)
    if document is None:
        raise PolicyError(faults)
    try:
        words = (
            read_vocabulary(document.front.vocabulary, base)
            if vocabulary is None
            else parse_vocabulary(vocabulary)
        )
    except PolicyError as error:
        raise PolicyError([*faults, *error.faults]) from None
    return resolve(document, words, file, faults)


def pack(policy: Policy) -> bytes:
    """The compiled file of a policy."""
    body = msgspec.msgpack.encode(policy.program)
    return MAGIC + bytes([FORMAT]) + hashlib.sha256(body).digest() + body


def unpack(raw: bytes, file: str) -> Program:
    """The program in a compiled file; PolicyError for one that was cut or changed."""

    def fail(message: str) -> PolicyError:
        return PolicyError(
            [
                Fault(
                    file=file,
                    line=1,
                    column=1,
                    code="compiled-file",
                    message=message,
                    expected="a file as `upheld compile` wrote it",
                )
            ]
        )

    if raw[len(MAGIC) : len(MAGIC) + 1] not in (b"\x01", bytes([FORMAT])):
        raise fail("the compiled file has another format; compile the policy again")
    if hashlib.sha256(raw[HEAD:]).digest() != raw[len(MAGIC) + 1 : HEAD]:
        raise fail("the compiled file was cut or changed")
    try:
        return msgspec.msgpack.decode(raw[HEAD:], type=Program)
    except msgspec.MsgspecError:
        raise fail("the compiled file cannot be read") from None
