"""What pages, messages and mail say: phrases of a program that no person would write."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src" / "upheld"
ROOMS = (
    "app",
    "demo",
    "gate/log",
    "practice",
    "practices",
    "web",
)  # what people read comes of them
WRITTEN = (".html", ".txt", ".md")

PHRASES = {
    r"works? no more\b": "“has expired”, “stops working”",
    r"\bno more\b(?! than)": "“no longer”",
    r"\bcannot be taken yet\b": "“There is a problem”, and what to do",
    r"\blet in by\b": "“Why we hold it: …”",
    r"\b(link|invitation|code) is over\b": "“has expired”",
    r"\bI cannot get in\b": "“Forgot your password?”",
    r"\bgo on\b": "“continue”",
    r"\bcode from here\b": "“I already have a code”",
    r"\bmail that was sorted out\b": "“Check your spam folder”",
    r"\bwho (you|they) say\b": "“confirm who you are”",
    r"\bowed after\b": "“Balance”",
    r"\bis needed\.": "what to enter or choose",
    r"\bit would take\b": "“This could be allowed for …”",
    r"\bgive your password\b": "“enter your password”",
    r"\b(is|are) entered( too)?\b": "“We log that …”",
    r">let go<": "“Remove access”",
    r"\bbelieves every\b": "“checks”",
    r"\b(no particular|any) moment\b": "“whenever”",
    r"\bthe other side\b": "“the opposing party”",
    r"\bcan be let\b": "who may do it",
    r"\bhangs? on\b": "“depends on”",
    r"\bstands? (here|there|in the|at (this|the)|on (a|the|their) page)\b": "“is”, “appears”",
    r"\btake another\b": "“choose another”",
    r"\btake at (least|most)\b": "“use at least”",
    r"\bis (due|overdue) since\b": "“was due on”, “has been overdue since”",
    r"\bset out to\b": "“decided to”",
    r"\bwhat came of\b": "what happened: “your card payment went through”",
    r"\bpassword until now\b": "“current password”",
    r"\bon no page but\b": "“only on”",
    r"\bguardian's leave\b": "“permission”",
    r"\b(for you|for them) no longer\b": "“stop …ing”",
    r"\bnothing else of (them|you)\b": "“nothing else about them”",
}
"""What is not written, and what is written in its place."""


def _phrases_in(text: str) -> list[str]:
    plain = " ".join(text.split())
    return [wrong for wrong in PHRASES if re.search(wrong, plain, re.IGNORECASE)]


def _docstrings(tree: ast.AST) -> Iterator[int]:
    """Texts that nobody but a reader of the source sees: each that stands as a statement."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield id(node.value)


def _sentences(path: Path) -> Iterator[str]:
    """What a file may show to people: a template as a whole, of a module its texts."""
    source = path.read_text(encoding="utf-8")
    if path.suffix in WRITTEN:
        yield re.sub(r"\{#.*?#\}", "", source, flags=re.DOTALL)
    elif path.suffix == ".py":
        tree = ast.parse(source)
        apart = set(_docstrings(tree))
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and id(node) not in apart:
                yield str(node.value)


def _files() -> Iterator[Path]:
    for room in ROOMS:
        for path in sorted((SOURCE / room).rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                yield path


def test_nothing_that_people_read_is_worded_as_a_program_would() -> None:
    """No template, message or mail has a phrase that a person at a desk would not write."""
    wrong = [
        f"{path.relative_to(SOURCE)}: {phrase}: write {PHRASES[phrase]}"
        for path in _files()
        for sentence in _sentences(path)
        for phrase in _phrases_in(sentence)
    ]
    assert wrong == []


def test_a_title_leaves_it_to_the_layout_to_say_that_a_form_has_errors() -> None:
    """It says “Error: ” for each form that was filled in wrongly; twice is once too many."""
    doubled = re.compile(r"block title %}.*(if|or) (filled\.errors|not filled\.ok)")
    templates = (path for path in _files() if path.suffix == ".html" and path.name != "layout.html")
    assert [str(path) for path in templates if doubled.search(path.read_text("utf-8"))] == []


@pytest.mark.parametrize(
    "sentence",
    [
        "This link works no more",
        "Some of it cannot be taken yet.",
        "Let in by necessary",
        "With whom is needed.",
        "That you looked is\n  entered too.",
        "What came of your payment was noted.",
        "Invoice 2026-1632 is due since 15 November 2026.",
    ],
)
def test_the_worst_phrases_are_seen(sentence: str) -> None:
    """A phrase is found wherever its lines break and however it begins."""
    assert _phrases_in(sentence)
