"""Questions a line and answers a line, as programs ask them: hostile lines, pipes, memory."""

from __future__ import annotations

import io
import json
import os
import random
import subprocess
import sys
from codecs import BOM_UTF8
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

import pytest

import upheld
from processes import PATIENCE, child
from samples import FRONT, WORDS, clause
from sizes import size
from upheld.cli.lines import LINE_MAX, Answers, answer_lines, batches
from upheld.policy.vocabulary import TREE_OF

UPHELD = str(Path(sys.executable).with_name("upheld"))
SERVE = b'{"action":"serve"}'


@pytest.fixture(name="file", scope="module")
def _file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lines")
    (folder / "words.toml").write_text(WORDS)
    rule = "may not share to any but provider\n  except may share email for support when due"
    front = FRONT.replace("Test", "Test\nvocabulary: words.toml")
    (folder / "policy.md").write_text(front + clause(rule))
    return folder / "policy.md"


@pytest.fixture(name="policy", scope="module")
def _policy(file: Path) -> upheld.Policy:
    return upheld.load(file)


def answers(policy: upheld.Policy, *lines: bytes) -> list[dict[str, object]]:
    """The answers to some lines, read back."""
    out = io.BytesIO()
    answer_lines(policy, io.BytesIO(b"\n".join(lines)), out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"not json", "bad-line"),
        (b"", "bad-line"),
        (b" \r", "bad-line"),
        (b"[1]", "bad-line"),
        (b"null", "bad-line"),
        (b'{"action":"serve"} {}', "bad-line"),
        (b'{"action":"serve","facts":{"age":NaN}}', "bad-line"),
        (b'{"action":"serve","facts":{"age":-Infinity}}', "bad-line"),
        (b'{"action":"serve","facts":{"age":1e99999999999999999999}}', "bad-line"),
        (b'{"action":"\xff"}', "bad-line"),
        (b'{"action":"\\ud800"}', "bad-line"),
        (b'{"action":"serve","action":"share"}', "bad-line"),
        (b'{"action":"serve","facts":{"age":1,"age":40}}', "bad-line"),
        (b'{"action":"share","facts":{"wish":[{"data":"email","data":"phone"}]}}', "bad-line"),
        (b'{"action":"serve","fact":{}}', "bad-line"),
        (b"[" * 100_000, "bad-line"),
        (b'{"action":"share","data":"emal"}', "unknown-term"),
        (b'{"action":["serve"]}', "wrong-type"),
        (b'{"action":"share","data":[]}', "empty-list"),
        (b'"' + b"x" * LINE_MAX + b'"', "too-large"),
    ],
    ids=lambda value: repr(value)[:50] if len(value) < 200 else f"{value[:3]!r}…",
)
def test_a_bad_line_is_answered_and_the_rest_go_on(
    policy: upheld.Policy, line: bytes, code: str
) -> None:
    """Whatever one line is, it gets one answer, with its code, and the next line its own."""
    (before, told, after) = answers(policy, SERVE, line, SERVE)
    assert (told["outcome"], told["code"]) == ("error", code)
    assert before == after == policy.answer({"action": "serve"})


@pytest.mark.parametrize(
    "identity",
    [7, -1, 2.5, "a:b", None, True, [1, {"x": None}], 12345678901234567890123456789, "“ü”"],
)
def test_the_id_is_given_back_whatever_it_is(policy: upheld.Policy, identity: object) -> None:
    """An id is the caller's, of any type, on errors too; colons in it are no second key."""
    for action in ("serve", "unheard-of"):
        line = json.dumps({"id": identity, "action": action}).encode()
        (told,) = answers(policy, line)
        assert told == {"id": identity, **policy.answer({"action": action})}


def test_an_id_nested_to_the_limit_of_the_reader_ends_nothing(policy: upheld.Policy) -> None:
    """Where the depth that can be read ends, a line is an error, and no other line suffers."""
    deep = [b'{"id":' + b"[" * n + b"]" * n + b',"action":"serve"}' for n in range(900, 1010)]
    out = io.BytesIO()
    answer_lines(policy, io.BytesIO(b"\n".join([*deep, SERVE])), out)
    *told, last = out.getvalue().splitlines()
    assert len(told) == len(deep)
    assert {each[:6] for each in told} == {b'{"id":', b'{"outc'}
    assert json.loads(last) == policy.answer({"action": "serve"})


@pytest.mark.parametrize("chunk", [1, 7, 4096])
def test_lines_are_the_same_however_they_arrive(
    monkeypatch: pytest.MonkeyPatch, policy: upheld.Policy, chunk: int
) -> None:
    """Pieces of any size make the same lines; one that is too long costs no memory."""
    monkeypatch.setattr("upheld.cli.lines.CHUNK", chunk)
    monkeypatch.setattr("upheld.cli.lines.LINE_MAX", 40)
    given = [b"a" * 40, b"b" * 41, b"", b"c" * 500, b"d", b"e" * 41]
    found = [line for batch in batches(io.BytesIO(b"\n".join(given))) for line in batch]
    assert found == [b"a" * 40, None, b"", None, b"d", None]
    assert Answers(policy).line(None).startswith(b'{"outcome":"error"')


def test_an_answer_comes_before_the_next_question_is_asked(file: Path) -> None:
    """A program may ask, wait for the answer, and only then ask again."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    with child(
        [UPHELD, "decide", str(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
    ) as asked:
        assert asked.stdin is not None
        assert asked.stdout is not None
        for number in range(3):
            asked.stdin.write(b'{"id":%d,"action":"serve"}\n' % number)
            asked.stdin.flush()
            assert json.loads(asked.stdout.readline())["id"] == number
        asked.stdin.close()
        assert asked.wait(PATIENCE) == 0


@pytest.mark.parametrize("source", ["-", "file"])
def test_a_reader_that_goes_away_is_no_mistake(file: Path, tmp_path: Path, source: str) -> None:
    """`upheld decide … | head -1` prints a line and nothing on standard error."""
    questions = tmp_path / "questions.jsonl"
    questions.write_bytes((SERVE + b"\n") * 20_000)
    words = [UPHELD, "decide", str(file), "--requests", source.replace("file", str(questions))]
    with (
        questions.open("rb") as given,
        child(words, stdin=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as asked,
    ):
        assert asked.stdout is not None
        assert asked.stderr is not None
        asked.stdout.readline()
        asked.stdout.close()
        assert asked.stderr.read() == b""


def test_a_full_disk_is_told_and_ends_with_2(file: Path) -> None:
    """Answers that cannot be written are no answers."""
    with Path("/dev/full").open("wb") as full:
        for words in (["decide", str(file)], ["check", str(file)]):
            done = subprocess.run(
                [UPHELD, *words], input=SERVE, stdout=full, stderr=subprocess.PIPE, check=False
            )
            assert done.returncode == 2
            assert b"cannot be written" in done.stderr
            assert b"Traceback" not in done.stderr


def test_the_exit_code_says_whether_every_line_was_answered(file: Path) -> None:
    """0 where no line was an error, 1 where some was."""
    for line, code in ((SERVE, 0), (b"nonsense", 1)):
        done = subprocess.run(
            [UPHELD, "decide", str(file)], input=line, check=False, capture_output=True
        )
        assert done.returncode == code


PEAKS = """
import sys
import upheld
from upheld.cli.lines import answer_lines

class Watched:
    lines = 0

    def write(self, answers):
        self.lines += answers.count(b"\\n")
        if self.lines - answers.count(b"\\n") < int(sys.argv[2]) <= self.lines:
            tell_peak()
        return sys.stdout.buffer.write(answers)

    def flush(self):
        sys.stdout.buffer.flush()

def tell_peak():
    status = dict(line.split(":") for line in open("/proc/self/status"))
    print(status["VmHWM"].split()[0], file=sys.stderr)

answer_lines(upheld.load(sys.argv[1]), sys.stdin.buffer, Watched())
tell_peak()
"""


@pytest.mark.parametrize("kind", ["facts", "questions", "errors", "wide"])
def test_a_long_stream_of_questions_needs_no_more_memory_than_a_short_one(kind: str) -> None:
    """Memory does not grow with the number of lines, however different the questions are."""
    sample = Path(__file__).resolve().parents[2] / "policies" / "larch-valley.md"
    many = size("lines of questions", short=30_000, long=1_000_000)
    if kind != "facts":  # these cost ten times as much a line to make and to decide
        many = min(many, 60_000)
    done = subprocess.run(
        [sys.executable, "-c", PEAKS, str(sample), str(many // 3)],
        input=b"".join(islice(_questions(upheld.load(sample), kind), many)),
        capture_output=True,
        check=True,
    )
    assert len(done.stdout.splitlines()) == many
    few, more = map(int, done.stderr.split())
    assert more < few * 1.25


def _questions(policy: upheld.Policy, kind: str) -> Iterator[bytes]:
    """Questions without end, no two the same, each hard on what is kept in its own way."""
    draw, vocabulary = random.Random(1), policy.program.vocabulary  # noqa: S311 - no secret
    facts = [name for name, fact in vocabulary.facts.items() if fact.kind == "boolean"]
    words = {name: [*vocabulary.tree(tree)] for name, tree in TREE_OF.items()}
    for number in count():
        question: dict[str, object] = {"id": number, "action": "share"}
        if kind == "facts":
            question |= {"data": "email", "recipient": "advertiser", "occasion": "visit"}
            question["facts"] = {fact: bool(draw.getrandbits(1)) for fact in facts}
        elif kind == "errors":
            question["data"] = f"{number}" * 40
        elif kind == "wide":
            question["data"] = ["email"] * draw.randrange(500, 1_000)
        else:
            for dimension in ("data", "recipient", "purpose", "occasion"):
                question[dimension] = draw.sample(words[dimension], draw.randrange(1, 4))
        yield json.dumps(question).encode() + b"\n"


def test_a_byte_order_mark_is_no_part_of_the_first_line() -> None:
    """Some editors write one before JSON lines, and the question after it is read."""
    assert list(batches(io.BytesIO(BOM_UTF8 + SERVE + b"\n{}\n"))) == [[SERVE, b"{}"]]
    assert list(batches(io.BytesIO(BOM_UTF8 + SERVE))) == [[SERVE]]
