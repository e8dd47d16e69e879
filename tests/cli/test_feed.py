"""`upheld feed`: a file of a partner's is taken in, listed, and taken out again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.homes import home_with_partner, run
from upheld.core.errors import UpheldError

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
