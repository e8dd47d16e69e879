"""Which passwords are refused, and why it is said so."""

from __future__ import annotations

import pytest

from upheld.web import passwords

CONTEXT = ("Ann Marked-Ogilvie", "ann.m@larchmail.example", "Larch Valley Internet")


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("short", "at least 10"),
        ("x" * 201, "at most 200"),
        ("aaaaaaaaaaaaaa", "Repeated"),
        ("abcabcabcabcabc", "Repeated"),
        ("abcdefghijklmnop", "in a row"),
        ("horse horse horse", "Repeated"),
        ("1q2w3e4r5t6y", ""),
        ("qwertyuiop123", "Many people"),
        ("password1234", "Many people"),
        ("Ann Marked 1990", "knows you"),
        ("larchvalley2026", "or us"),
        ("L4rch V4lley Internet", "or us"),
        ("marked-ogilvie", "knows you"),
        ("ann.m@larchmail.example", "knows you"),
    ],
)
def test_what_would_soon_be_guessed_is_refused(password: str, why: str) -> None:
    """Short, common, repeated, in a row, or made of the person's or the provider's own words."""
    said = passwords.refused(password, CONTEXT)
    assert said
    assert why in said
    assert password not in said


@pytest.mark.parametrize(
    "password",
    [
        "four plain words here",
        "x7kPq9zLm2",
        "mississippi river boat",
        "ann likes strong tea a lot",
        "пароль из четырёх слов",
        "🚀🌋🎻🧭🥁🎺🏕🧊🥾🪁",
    ],
)
def test_what_is_hard_to_guess_is_taken(password: str) -> None:
    """Some words, or ten characters drawn at random; a name among words does no harm."""
    assert passwords.refused(password, CONTEXT) == ""


def test_staff_take_longer_ones() -> None:
    """Eleven characters drawn at random are too few at a desk, twelve are enough."""
    assert "at least 12" in passwords.refused("x7kPq9zLm2v", (), passwords.LENGTH_MIN_STAFF)
    assert passwords.refused("x7kPq9zLm2vB", (), passwords.LENGTH_MIN_STAFF) == ""
