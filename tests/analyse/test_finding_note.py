"""A clause struck by a finding: its mark, a note behind it, the version, and nothing else."""

from __future__ import annotations

import difflib

import pytest

import upheld
from sizes import size
from upheld.core.errors import UpheldError
from upheld.demo import sample_policy
from upheld.policy.analyse.finding_note import beginning_of, one_line, with_finding
from upheld.policy.load import load, load_text

SAMPLE = load(sample_policy())
HOSTILE = (
    "*bold* _it_ `code` [link](https://x.example) ![i](x) <b>no</b> &amp; {#improving} {.note} "
    "\\ | ~~gone~~ # heading --- ``` 1. > $x$ \u00e9 \u4e2d\u6587 \u05d0 \U0001f600 <!-- -->"
)


def after_finding(
    policy: upheld.Policy, clause: str, words: str = "void", *, restore: bool = False
) -> upheld.Policy:
    """The policy after a finding about a clause."""
    version = "back" if restore else "struck"
    return with_finding(policy, clause, beginning_of(clause) + words, version, restore=restore)


def changes(old: upheld.Policy, new: upheld.Policy) -> list[str]:
    """The lines that one text has and the other has not."""
    lines = old.program.source.split("\n"), new.program.source.split("\n")
    return [each for each in difflib.ndiff(*lines) if each[:1] in "+-" and each[2:].strip()]


def test_every_clause_can_be_struck_and_restored_with_nothing_else_changed() -> None:
    """The text gains two notes and a version; each rule decides again as it did before."""
    clauses = [each.id for each in SAMPLE.program.clauses if each.id and each.nodes]
    assert len(clauses) > 50
    step = len(clauses) // size("clauses that findings strike", short=15, long=len(clauses))
    for clause in clauses[::step]:
        struck = after_finding(SAMPLE, clause)
        assert struck.program.clause(clause).severed
        assert len(changes(SAMPLE, struck)) == 6, clause
        back = after_finding(struck, clause, restore=True)
        assert len(changes(struck, back)) == 5, clause
        notes = [each.text for each in back.program.clauses if each.text.startswith("The clause ")]
        assert notes == [f"The clause {clause} void"] * 2
        assert upheld.compare(SAMPLE, back).same


def test_a_note_stands_behind_the_rules_of_its_clause_and_behind_earlier_notes() -> None:
    """Within the item of a list; where the clause leads a list, behind the list."""
    policy = after_finding(
        after_finding(SAMPLE, "improving", "one"), "improving", "two", restore=True
    )
    texts = [each.text for each in policy.program.clauses]
    at = next(at for at, each in enumerate(policy.program.clauses) if each.id == "improving")
    assert texts[at + 1 : at + 3] == ["The clause improving one", "The clause improving two"]
    clauses = after_finding(SAMPLE, "binding").program.clauses
    at = next(at for at, each in enumerate(clauses) if each.id == "continued-use")
    assert clauses[at + 1].text == "The clause binding void"
    assert clauses[at + 1].note


def test_words_of_a_finding_are_text_whatever_they_hold() -> None:
    """Markdown, marks, HTML and letters of every language stand in the policy as they were."""
    line = one_line(HOSTILE)
    policy = after_finding(SAMPLE, "improving", line)
    (note,) = [each for each in policy.program.clauses if each.text.startswith("The clause ")]
    assert note.text == beginning_of("improving") + line
    assert "<" not in note.html.replace("&lt;", "")
    assert len(policy.program.clauses) == len(SAMPLE.program.clauses) + 1


@pytest.mark.parametrize("space", ["\n", "\r\n", "\u2028", "\u0085", "\t", " \n\n```rule\n"])
def test_lines_become_one(space: str) -> None:
    """No line end of any kind gets into the text, so that nothing begins a line of its own."""
    line = one_line(f"void{space}for good")
    assert len(line.splitlines()) == 1
    assert after_finding(SAMPLE, "improving", line).program.clause("improving").severed


@pytest.mark.parametrize("strange", ["\0", "\u202e", "\u200b", "\x1b", "\ud800", "\ue000"])
def test_characters_that_nobody_sees_are_refused(strange: str) -> None:
    """Nor those that turn others round."""
    with pytest.raises(ValueError, match="cannot be seen"):
        one_line(f"void{strange}")


def test_what_cannot_be_struck_or_restored_says_why() -> None:
    """A clause of no policy, one that is struck already, a note, and one that is not struck."""
    struck = after_finding(SAMPLE, "improving")
    for policy, clause, restore, code in (
        (SAMPLE, "improvin", False, "unknown-clause"),
        (SAMPLE, "improvin", True, "unknown-clause"),
        (struck, "improving", False, "nothing-to-sever"),
        (SAMPLE, "severability", False, "nothing-to-sever"),
        (SAMPLE, "improving", True, "nothing-to-sever"),
    ):
        with pytest.raises(UpheldError) as caught:
            after_finding(policy, clause, restore=restore)
        assert caught.value.code == code


def test_clauses_of_quotations_and_headings_and_of_a_text_without_an_end_are_struck() -> None:
    """Where no note can stand right behind a clause, it stands behind what the clause is in."""
    text = (
        "---\npolicy: Small\n---\n# Use {#head}\n\n```rule\nmay use email for research\n```\n\n"
        "> We bill you. {#quoted}\n>\n> ```rule\n> may use email for billing\n> ```\n\n"
        "1. We help you. {#item}\n\n   ```rule\n   may use email for support\n   ```"
    )
    small = load_text(text)
    for clause in ("head", "quoted", "item"):
        struck = after_finding(small, clause)
        assert struck.front.version == "struck"
        assert [each.id for each in struck.program.clauses if each.severed] == [clause]
        assert upheld.compare(small, after_finding(struck, clause, restore=True)).same
