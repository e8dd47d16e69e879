"""`upheld feed`: a file of a partner's is taken in, listed, and taken out again."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.homes import home_with_partner, provider_in, run
from upheld.cli import app
from upheld.core.errors import UpheldError
from upheld.demo import sample_policy

FILE = "email,job,notes\nann@marked.example,carpenter,x\nnobody@marked.example,baker,y\n"


@pytest.fixture(name="home")
def _home(tmp_path: Path) -> Path:
    """A provider with a customer and a business partner, who sends a file."""
    home = home_with_partner(tmp_path)
    (home / "feed.csv").write_text(FILE)
    return home


def test_a_file_is_combined_once_and_taken_out_again(home: Path) -> None:
    """Which lines were left out, and why, stands in a file of its own, without a value."""
    words = ("--from", "Spruce Point", "--by", "max", "--map", "job=occupation", "--skip", "notes")
    why = home / "why.csv"
    what = ("feed", "import", str(home / "feed.csv"), *words, "--left-out", str(why))
    assert run(home, *what) == (
        "spruce-point: done; 2 lines; 1 customer combined; 1 left out: no customer, or several\n"
    )
    assert why.read_text() == "line,why\n3,unmatched\n"
    assert "2 lines read before" in run(home, *what)
    (its,) = json.loads(run(home, "feed", "list", "--json"))
    done = json.loads(run(home, "feed", "withdraw", its["feed_id"], "--by", "max", "--json"))
    assert (done["state"], done["deleted"]) == ("withdrawn", 1)
    with pytest.raises(UpheldError) as caught:
        run(home, *what)
    assert caught.value.code == "feed-state"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--skip", "notes"), "feed-column"),
        (("--map", "job", "--skip", "notes"), "usage"),
        (("--map", "trade=occupation"), "wrong-column"),
        (("--map", "job=occupation", "--map", "notes=occupation"), "wrong-column"),
    ],
)
def test_a_wrong_column_is_named_before_anything_is_taken_in(
    home: Path, words: tuple[str, ...], code: str
) -> None:
    """Nothing is begun by it."""
    file = str(home / "feed.csv")
    with pytest.raises(UpheldError) as caught:
        run(home, "feed", "import", file, "--from", "Spruce Point", "--by", "max", *words)
    assert caught.value.code == code
    assert json.loads(run(home, "feed", "list", "--json")) == []


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (b"x" * 1_000_000, ""),
        (b"x" * 1_200_000, "this is not CSV"),
        (b"jo\x00iner", "there is a NUL character"),
        (b"jo\xefner", "this is not UTF-8"),
        (b"joiner,x", "the line has 3 values under 2 columns"),
    ],
)
def test_a_value_that_is_none_is_left_out_and_a_file_that_is_none_is_named_by_its_line(
    home: Path, value: bytes, problem: str
) -> None:
    """However long it is and whatever is in it; the message repeats nothing of it."""
    file = home / "odd.csv"
    file.write_bytes(b"email,occupation\nann@marked.example," + value + b"\n")
    words = ("feed", "import", str(file), "--from", "Spruce Point", "--by", "max")
    if problem:
        with pytest.raises(UpheldError, match=rf"line 2: {problem}") as caught:
            run(home, *words)
        assert caught.value.code == "bad-line"
        assert len(str(caught.value)) < 500
    else:
        assert "0 customers combined; 1 left out: no row, or a value that its kind" in run(
            home, *words
        )


def test_a_file_is_linked_where_the_policy_lets_names_be_combined(tmp_path: Path) -> None:
    """Of people who do not exist, the most are found, and hardly anybody else."""
    files = tmp_path / "files"
    run_alone("feed", "synthetic", str(files), "--people", "12")
    with pytest.raises(UpheldError):
        run_alone("feed", "synthetic", str(files))
    text = sample_policy().read_text()
    combine = "may combine profile, transaction from business-partner"
    text = text.replace(combine, combine.replace("profile", "name, profile"))
    home = provider_in(tmp_path, policy_text=text, max="manager")
    run(home, "party", "add", "Spruce Point", "--role", "business-partner", "--by", "max")
    run(home, "admin", "import", str(files / "customers.csv"), "--apply")
    what = ("feed", "import", str(files / "partner.csv"), "--from", "Spruce Point", "--by", "max")
    with pytest.raises(UpheldError) as caught:
        run(home, *what)
    assert caught.value.code == "feed-column"
    with pytest.raises(UpheldError) as caught:
        run(home, *what, "--link", "--certain", "0.2")
    assert caught.value.code == "feed-link"
    its = json.loads(run(home, *what, "--link", "--json"))
    common = [row for row in (files / "truth.csv").read_text().split()[1:] if row[-1] != ","]
    assert len(common) - 2 <= its["linked"] <= len(common)
    assert its["people"] == its["linked"]
    assert "by likeness" in run(home, "feed", "list")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("none.csv", None, "there is no file"),
        ("feed.csv.gz", gzip.compress(FILE.encode(), mtime=0), "line 1: this is compressed"),
        ("wide.csv", FILE.encode("utf-16"), "line 1: this is not UTF-8"),
        ("empty.csv", b"", "line 1: there is no header"),
    ],
)
def test_a_file_that_is_no_csv_is_said_to_be_what_it_is(
    home: Path, name: str, content: bytes | None, words: str
) -> None:
    """Nothing is taken in, and the message says what to do."""
    if content is not None:
        (home / name).write_bytes(content)
    with pytest.raises(UpheldError, match=words):
        run(home, "feed", "import", str(home / name), "--from", "Spruce Point", "--by", "max")
    assert run(home, "feed", "list") == ""


def test_a_file_is_of_one_kind_and_not_of_another_besides(home: Path) -> None:
    """One of customers is not counted as one of what they bought, nor told as taken in."""
    words = ("--from", "Spruce Point", "--by", "max")
    columns = ("--map", "job=occupation", "--skip", "notes")
    run(home, "feed", "import", str(home / "feed.csv"), *words, *columns)
    fixed = (
        'reference = "A1"',
        'date = "2026-03-02"',
        'amount = "1"',
        'currency = "USD"',
        'what = "x"',
    )
    (home / "fixed.toml").write_text("\n".join(["[fixed]", *fixed]))
    mapping = ("--columns", str(home / "fixed.toml"))
    with pytest.raises(UpheldError, match="as one of customers"):
        run(home, "collect", "transactions", str(home / "feed.csv"), *words, *mapping)


def test_a_side_file_that_cannot_be_written_is_named_before_anything_is_taken_in(
    home: Path,
) -> None:
    """Such as a folder, or one in a folder that is not there."""
    words = ("--from", "Spruce Point", "--by", "max", "--map", "job=occupation", "--skip", "notes")
    for odd in (home, home / "none" / "why.csv"):
        with pytest.raises(UpheldError, match="cannot be written"):
            run(home, "feed", "import", str(home / "feed.csv"), *words, "--left-out", str(odd))
    assert run(home, "feed", "list") == ""


def test_names_are_not_linked_under_the_sample_policy(home: Path) -> None:
    """Its clause on combining lets profiles be combined, and no names."""
    (home / "feed.csv").write_text("name,zip,job\nAnn Marked,97701,baker\n")
    words = ("--from", "Spruce Point", "--by", "max", "--map", "job=occupation", "--link")
    with pytest.raises(UpheldError) as caught:
        run(home, "feed", "import", str(home / "feed.csv"), *words)
    assert caught.value.code == "feed-link"
    assert json.loads(run(home, "feed", "list", "--json")) == []


def run_alone(*words: str) -> None:
    """Run a command that needs no settings."""
    done = CliRunner().invoke(app, [*words], catch_exceptions=False)
    assert done.exit_code == 0, done.output


LICENCE = """---
policy: What Spruce Point lets us do
version: 1
---

We may add it. {#adding}

```rule
may combine occupation from business-partner when registered-partner with record
may store occupation
  when not account-closed and not erasure-requested and not erased
  with encryption, delete-after 6 months
```
"""


def test_a_licence_is_registered_listed_shown_and_ended(home: Path) -> None:
    """One that would allow more than the policy is not; nor is the end of one that has ended."""
    file = home / "licence.md"
    words = ("--from", "Spruce Point", "--by", "max")
    file.write_text(LICENCE.replace("may store", "may sell occupation\nmay store"))
    with pytest.raises(UpheldError, match="sell your occupation") as caught:
        run(home, "feed", "licence", "add", str(file), *words)
    assert caught.value.code == "licence-wider"
    file.write_text(LICENCE)
    line = run(home, "feed", "licence", "add", str(file), *words, "--since", "2020-01-01")
    assert line == (
        "1 spruce-point: What Spruce Point lets us do, version 1;"
        " what came in from 2020-01-01 00:00\n"
    )
    assert run(home, "feed", "licence", "list") == line
    assert run(home, "feed", "licence", "show", "1") == LICENCE
    assert json.loads(run(home, "feed", "licence", "show", "1", "--json"))["beyond"] == []
    ended = json.loads(run(home, "feed", "licence", "end", "1", "--by", "max", "--json"))
    assert ended["until"]
    for what, code in (
        (("end", "1", "--by", "max"), "licence-ended"),
        (("show", "2"), "no-licence"),
    ):
        with pytest.raises(UpheldError) as caught:
            run(home, "feed", "licence", *what)
        assert caught.value.code == code
