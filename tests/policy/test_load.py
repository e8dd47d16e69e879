"""The way in: texts, files and compiled files become the same policy."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest

import upheld
from samples import FRONT, WORDS, clause
from upheld.policy.analyse.compare import compare
from upheld.policy.load import pack
from upheld.policy.parse import parse_block
from upheld.policy.syntax import print_block

BODY = clause("may not share contact to any but provider\n  except may share for support when due")
BODY += clause("may serve when age >= 18 or (age >= 13 and agreed)", "b")
QUESTIONS: list[dict[str, object]] = [
    {"action": "share", "data": "email", "recipient": "partner", "purpose": "support"},
    {"action": "share", "data": "email", "facts": {"due": True}},
    {"action": "serve", "facts": {"age": 16}},
    {"action": "serve"},
]


@pytest.fixture(name="written")
def _written(tmp_path: Path) -> Path:
    (tmp_path / "words.toml").write_text(WORDS)
    path = tmp_path / "policy.md"
    path.write_text(FRONT.replace("Test", "Test\nvocabulary: words.toml") + BODY)
    return path


def test_a_compiled_file_answers_as_the_file_it_was_made_from(written: Path) -> None:
    """Digest, page text and every answer survive compiling."""
    policy = upheld.load(written)
    packed = written.with_suffix(".compiled")
    packed.write_bytes(pack(policy))
    again = upheld.load(packed)
    assert (again.digest, again.program.source) == (policy.digest, policy.program.source)
    assert [again.answer(q) for q in QUESTIONS] == [policy.answer(q) for q in QUESTIONS]


def test_a_compiled_file_of_the_format_before_answers_as_it_did() -> None:
    """A file that an earlier version compiled, before legal bases, still loads and decides."""
    old = upheld.load(Path(__file__).parent / "compiled" / "format-1.compiled")
    now = upheld.load_text(FRONT + BODY, vocabulary=WORDS)
    assert [old.answer(q) for q in QUESTIONS] == [now.answer(q) for q in QUESTIONS]
    assert upheld.load_text(old.program.source, vocabulary=WORDS).program.nodes == now.program.nodes
    assert not compare(old, now).changes


def test_a_compiled_file_keeps_legal_bases_and_the_duties_of_examples(written: Path) -> None:
    """What a rule rests on, and what an example expects, survive compiling."""
    more = "```example\nyes  serve  with quietly\n```\n"
    written.write_text(
        FRONT.replace("Test", "Test\nvocabulary: words.toml")
        + clause("may serve with quietly because contract")
        + more
    )
    packed = written.with_suffix(".compiled")
    packed.write_bytes(pack(upheld.load(written)))
    again = upheld.load(packed)
    assert again.answer({"action": "serve"})["bases"] == ["contract"]
    (example,) = again.program.clauses[0].examples
    assert [duty.duty for duty in example.duties] == ["quietly"]


def test_an_example_is_answered_otherwise_where_a_duty_is_missing() -> None:
    """The duties of an example must be carried; more of them are no mistake."""
    rule = clause("may serve with quietly\nmay amend")
    for line, expected in (
        ("yes  serve  with quietly", ""),
        ("yes  serve", ""),
        ("yes  amend  with quietly", "allow with quietly"),
        ("yes  serve  with quietly 2 days", "allow with quietly 2 days"),
        ("no   serve", "deny"),
    ):
        text = f"{FRONT}{rule}```example\n{line}\n```\n"
        policy = upheld.load_text(text, vocabulary=WORDS)
        (example,) = policy.program.clauses[0].examples
        assert policy.example(example)[1] == expected, line


def test_a_compiled_file_that_was_cut_or_changed_is_refused(written: Path) -> None:
    """No byte of a compiled file can be missing or other than it was."""
    raw = pack(upheld.load(written))
    for at in range(0, len(raw), max(1, len(raw) // 60)):
        changed = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        for bad in (raw[:at], changed):
            path = written.with_name("bad.compiled")
            path.write_bytes(bad)
            with pytest.raises(upheld.PolicyError):
                upheld.load(path)


def test_the_digest_changes_with_the_policy_and_with_its_vocabulary(written: Path) -> None:
    """One letter more in either file gives another digest."""
    first = upheld.load(written).digest
    written.write_text(written.read_text() + "\n")
    second = upheld.load(written).digest
    words = written.with_name("words.toml")
    words.write_text(words.read_text() + "# more\n")
    assert len({first, second, upheld.load(written).digest}) == 3


def test_importing_upheld_loads_no_parser_web_or_data_library() -> None:
    """`import upheld` stays as light as its promise."""
    code = "import sys; before = {*sys.modules}; import upheld; print(*{*sys.modules} - before)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"markdown_it", "yaml", "typer", "rich", "starlette", "jinja2", "msgspec", "sqlite3"}
    assert heavy & set(out.stdout.split()) == set()


def test_a_provider_is_put_together_without_what_few_of_its_commands_use() -> None:
    """Each would wait for the steps of its tables, and for what reads passkeys and passwords."""
    code = "import sys, upheld.app.provider; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"alembic", "webauthn", "OpenSSL", "zxcvbn"} & set(out.stdout.split()) == set()


def test_a_policy_decides_the_same_in_many_threads(written: Path) -> None:
    """What one thread keeps never changes what another is told."""
    policy = upheld.load(written)
    expected = [upheld.load(written).answer(q) for q in QUESTIONS]
    wrong: list[object] = []

    def run() -> None:
        for _ in range(200):
            wrong.extend(
                q for q, e in zip(QUESTIONS, expected, strict=True) if policy.answer(q) != e
            )

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize(
    ("question", "code"),
    [
        ([], "bad-line"),
        ({"action": "share", "dta": "email"}, "bad-line"),
        ({}, "unknown-action"),
        ({"action": 3}, "wrong-type"),
        ({"action": "shar"}, "unknown-action"),
        ({"action": "share", "data": "emal"}, "unknown-term"),
        ({"action": "share", "data": []}, "empty-list"),
        ({"action": "share", "data": [3]}, "wrong-type"),
        ({"action": "serve", "data": "email"}, "wrong-dimension"),
        ({"action": "share", "place": "home"}, "wrong-dimension"),
        ({"action": "serve", "facts": {"ages": 3}}, "unknown-fact"),
        ({"action": "serve", "facts": {"minor": True}}, "derived-fact"),
        ({"action": "serve", "facts": {"due": 1}}, "wrong-type"),
        ({"action": "serve", "facts": {"due": None}}, "wrong-type"),
        ({"action": "serve", "facts": {"age": True}}, "wrong-type"),
        ({"action": "serve", "facts": {"age": float("nan")}}, "wrong-type"),
        ({"action": "serve", "facts": {"residence": "nowhere"}}, "wrong-type"),
        ({"action": "serve", "facts": {"due": [{"recipient": "partner"}]}}, "wrong-type"),
        ({"action": "serve", "facts": {"agreed": [{"data": "email"}]}}, "wrong-dimension"),
        ({"action": "serve", "facts": {"agreed": [{"recipient": []}]}}, "empty-list"),
        ({"action": "serve", "facts": {"agreed": [{"rest": True}, {"rest": True}]}}, "wrong-type"),
        ({"action": "serve", "facts": []}, "wrong-type"),
    ],
)
def test_a_question_that_cannot_be_asked_is_an_error_and_allows_nothing(
    written: Path, question: object, code: str
) -> None:
    """Every kind of wrong question is told by its code."""
    decision = upheld.load(written).ask(question)
    assert (decision.outcome, decision.code, decision.allowed) == ("error", code, False)
    assert decision.why


def test_numbers_at_the_edges_compare_as_the_decimals_written(written: Path) -> None:
    """Large, tiny and fractional ages fall on the right side of eighteen."""
    policy = upheld.load(written)
    question = policy.question("serve")
    young, old = ((-1e308, 12.999), (18, 1e308, 10**5000))
    ages: dict[float, str] = dict.fromkeys(young, "deny") | dict.fromkeys(old, "allow")
    ages |= dict.fromkeys((13, 17.999999), "needs-proof")
    assert {age: question.decide({"age": age}).outcome for age in ages} == ages


def test_a_decision_refuses_to_be_taken_for_true(written: Path) -> None:
    """`if policy.decide(…)` would allow a denial; it raises instead."""
    with pytest.raises(TypeError):
        bool(upheld.load(written).ask({"action": "serve"}))


def test_a_decision_is_plain_data(written: Path) -> None:
    """A decision serialises as the answer that the command line gives."""
    policy = upheld.load(written)
    answer = policy.answer({"id": [1], "action": "serve"})
    assert answer["prove"] == [["age >= 18"], ["age >= 13", "agreed"]]
    assert answer["id"] == [1]
    assert msgspec.json.encode(answer)


def test_what_is_printed_parses_to_the_same_rules() -> None:
    """Laying a rule block out twice gives the same text."""
    text = "may   share email,phone to any but partner unless (due and agreed)\n except when minor"
    statements, mistakes = parse_block(text)
    printed = print_block(statements)
    again, more = parse_block(printed)
    assert (mistakes, more, print_block(again)) == ([], [], printed)


def test_a_request_of_anything_but_words_is_an_error_and_no_crash(written: Path) -> None:
    """A list in a list, a number, nothing at all: each is told, none is allowed."""
    policy = upheld.load(written)
    for words in ([["email"]], [3], [], [None], [b"email"]):
        decision = policy.decide(upheld.Request("share", data=words))  # type: ignore[arg-type]  # wrong on purpose
        assert decision.outcome == "error"
