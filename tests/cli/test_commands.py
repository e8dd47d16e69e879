"""The command line as people and programs use it: in a process of its own, by exit code."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from processes import child, free_port, wait_for_port
from samples import FRONT, WORDS, clause

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "policies" / "larch-valley.md"
UPHELD = str(Path(sys.executable).with_name("upheld"))


def upheld(
    *words: object, given: str | bytes = b"", expect: int | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run a command; its exit code is asserted where one is expected, and no traceback ever."""
    raw = given.encode() if isinstance(given, str) else given
    done = subprocess.run(
        [UPHELD, *map(str, words)],
        input=raw,
        capture_output=True,
        check=False,
        env={**os.environ, "COLUMNS": "100", "TERM": "dumb"},
    )
    assert b"Traceback" not in done.stderr + done.stdout
    assert expect is None or done.returncode == expect, done.stdout + done.stderr
    return done


@pytest.fixture(name="policy")
def _policy(tmp_path: Path) -> Path:
    (tmp_path / "words.toml").write_text(WORDS)
    path = tmp_path / "policy.md"
    rule = "may not share to any but provider\n  except may share email for support when due"
    path.write_text(FRONT.replace("Test", "Test\nvocabulary: words.toml") + clause(rule))
    return path


def test_the_sample_policy_passes_the_strict_check() -> None:
    """Every sentence of the sample has a rule or says that it is a note; every example holds."""
    done = upheld("check", SAMPLE, "--strict", expect=0)
    assert b"0 answered otherwise, 0 uncovered" in done.stdout


def test_the_sample_policy_is_laid_out_as_fmt_lays_out() -> None:
    """Laying the sample out again changes nothing."""
    upheld("fmt", SAMPLE, "--check", expect=0)


def test_check_fails_on_an_example_that_is_answered_otherwise(policy: Path) -> None:
    """What counsel expected and what the rules say are compared, and the line is named."""
    policy.write_text(policy.read_text() + "```example\nyes  share phone to partner\n```\n")
    done = upheld("check", policy, expect=1)
    assert b":13:1:" in done.stdout
    assert b"wrong-example" in done.stdout


def test_check_tells_every_mistake_of_a_broken_file_and_says_no(policy: Path) -> None:
    """All mistakes of one run, then a summary; the answer is no, not wrong use."""
    policy.write_text(policy.read_text() + clause("may serv", "b") + clause("may amnd", "c"))
    done = upheld("check", policy, expect=1)
    assert done.stdout.count(b"[unknown-word]") == 2
    assert b"not ok: 2 mistakes" in done.stdout.splitlines()[-1]


def test_uncovered_prose_is_reported_and_fails_only_when_strict(policy: Path) -> None:
    """Prose without a rule or a note is listed; only --strict refuses it."""
    policy.write_text(policy.read_text() + "Prose that promises much.\n")
    assert b"uncovered" in upheld("check", policy, expect=0).stdout
    upheld("check", policy, "--strict", expect=1)


def test_a_question_in_words_is_answered_by_sentence_and_exit_code(policy: Path) -> None:
    """Yes is 0, no is 1, a question that cannot be asked is 2."""
    upheld("decide", policy, "share email to partner for support given due", expect=0)
    upheld("decide", policy, "share email to partner for support", expect=1)
    done = upheld("decide", policy, "share emial to partner", expect=2)
    assert b"`email`" in done.stderr


@pytest.mark.parametrize(
    ("question", "code"),
    [
        ("serv", "unknown-action"),
        ("share emial to partner", "unknown-term"),
        ("serve given du", "unknown-fact"),
        ("serve given age", "wrong-type"),
        ("serve to partner", "wrong-dimension"),
        ("serve serve serve,", "bad-line"),
        ("", "bad-line"),
    ],
)
def test_a_question_that_cannot_be_asked_has_its_code(
    policy: Path, question: str, code: str
) -> None:
    """Typed in words, a wrong question is answered in JSON as it is in a file of questions."""
    for command in ("decide", "explain"):
        told = json.loads(upheld(command, policy, question, "--json", expect=2).stdout)
        assert (told["outcome"], told["code"]) == ("error", code)


def test_a_compiled_file_stands_for_the_policy(policy: Path, tmp_path: Path) -> None:
    """What `compile` writes is taken wherever a policy is."""
    out = tmp_path / "policy.compiled"
    upheld("compile", policy, "--out", out, expect=0)
    upheld("decide", out, "share email to partner for support given due", expect=0)


def test_publish_writes_the_page_and_the_files(tmp_path: Path) -> None:
    """A folder that any web server can serve."""
    upheld("publish", SAMPLE, "--out", tmp_path / "site", expect=0)
    site = tmp_path / "site"
    assert {"index.html", "policy.md", "policy.json", "policy.jsonld"} <= {
        path.name for path in site.iterdir()
    }
    assert (site / "policy.md").read_text() == SAMPLE.read_text()
    assert json.loads((site / "policy.jsonld").read_text())["@context"]


@pytest.mark.parametrize(
    "words",
    [
        ("check", "no-such-file.md"),
        ("check", "."),
        ("decide", "no-such-file.md", "serve"),
        ("fmt", "no-such-file.md"),
        ("publish", SAMPLE, "--out", "/dev/null/x"),
        ("compile", SAMPLE, "--out", "/dev/null/x"),
        ("decide", SAMPLE, "--requests", "no-such-file"),
        ("explain", SAMPLE, "serve", "--depth", "abyss"),
        ("run", SAMPLE, "--port", "99999"),
        ("decide", SAMPLE, "--requests", ROOT),
        ("decide", SAMPLE, "serve", "--requests", "-"),
        ("check", "no\udcfftext.md"),
        ("check", "no\udcfftext.md", "--json"),
        ("frobnicate",),
    ],
)
def test_a_users_mistake_is_answered_with_2_and_no_traceback(words: tuple[object, ...]) -> None:
    """Wrong files, folders, options and verbs are told in a sentence."""
    done = upheld(*words, expect=2)
    assert (done.stderr + done.stdout).strip()


def test_binary_and_broken_policies_are_told_in_json_too(tmp_path: Path) -> None:
    """Programs get the faults as data."""
    path = tmp_path / "policy.md"
    path.write_bytes(b"\x00\xff\xfe" * 10)
    done = upheld("check", path, "--json", expect=1)
    assert json.loads(done.stdout)["faults"][0]["code"] == "encoding"


def test_run_serves_the_page_and_says_where(policy: Path) -> None:
    """The address is printed, the page answers, a port that is taken is told."""
    port = free_port()
    with child(
        [UPHELD, "run", str(policy), "--port", str(port)], stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout is not None
            assert re.search(rf"http://127\.0\.0\.1:{port}", server.stdout.readline())
            wait_for_port(port)
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as page:
                assert b"Some prose." in page.read()
            assert b"port" in upheld("run", policy, "--port", port, expect=2).stderr
        finally:
            server.terminate()


def test_a_table_of_text_needs_a_clause_that_speaks_for_it(tmp_path: Path) -> None:
    """A table is covered by the clause right before it, by its rule or as a note."""
    table = "| a | b |\n|---|---|\n| We sell it | to anybody |\n"
    policy = tmp_path / "policy.md"

    def write(before: str, after: str = "") -> None:
        policy.write_text(f"---\npolicy: A\n---\n\n{before}\n\n{table}\n{after}")

    rule = "We keep this. {#a}\n\n```rule\nmay store email\n```"
    for covered in (rule, "A list. {.note}", f"A list. {{.note}}\n\n{table}"):
        write(covered)
        upheld("check", policy, "--strict", expect=0)
    for bare in ("# Tables", "A list. {.note}\n\n- and {.note}", "A list. {.note}\n\n---"):
        write(bare, "The end. {.note}")
        assert b"[uncovered]" in upheld("check", policy, "--strict", expect=1).stdout
        upheld("check", policy, expect=0)


def test_a_policy_without_a_clause_is_not_strict(tmp_path: Path) -> None:
    """Nothing but headings promises nothing, and several files are checked at once."""
    policy = tmp_path / "policy.md"
    policy.write_text("---\npolicy: A\n---\n\n# A {#a}\n")
    assert b"[no-clauses]" in upheld("check", policy, SAMPLE, "--strict", expect=1).stdout
    done = upheld("check", policy, SAMPLE, "--strict", "--json", expect=1)
    reports = json.loads(done.stdout)
    assert [each["ok"] for each in reports] == [False, True]


@pytest.mark.parametrize(
    ("words", "extra"),
    [
        (["run", SAMPLE], "web"),
        (["demo"], "web"),
        (["publish", SAMPLE, "--out", "x"], "web"),
        (["keys", "init", "k", "--key-file", "page.html"], "provider"),
        (["admin", "selfcheck"], "provider"),
        (["staff", "list"], "provider"),
        (["jobs"], "provider"),
        (["person", "find", "--email", "a@b.example"], "provider"),
        (["ledger", "keygen", "log.example", "--out", "k"], "provider"),
        (["screen", SAMPLE, "serve", "--rows", "."], "bulk"),
        (["new", "x", "--from", "page.html"], "onboard"),
    ],
)
def test_a_command_without_its_extra_says_which_in_one_line(
    words: list[str], extra: str, tmp_path: Path
) -> None:
    """An installation of the core alone answers every command without a traceback."""
    from upheld.core.extras import EXTRAS

    (tmp_path / "page.html").write_text("<html><p>We sell nothing.</p></html>")
    missing = [library for libraries in EXTRAS.values() for library in libraries]
    code = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({missing!r}))\n"
        "from upheld.cli import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, words)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert f"[{extra}" in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 2
