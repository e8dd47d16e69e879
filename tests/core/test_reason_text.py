"""A reason has something to see, and is read in the order in which it was written."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upheld.core.reason_text import is_blank, reason_text

NOTHING = [
    "\u200b",
    "\u200b \u2060",
    "\ufeff",
    "\u00ad",
    "\u3164",
    "\u2800",
    "\u034f",
    "\u115f",
    "\x00",
    " ",
]


@pytest.mark.parametrize("text", ["", *NOTHING])
def test_a_reason_of_signs_that_nobody_sees_is_none(text: str) -> None:
    """Whatever kind of sign it is, and however many."""
    assert is_blank(text)
    with pytest.raises(ValueError, match="that can be read"):
        reason_text(text * 3)


@pytest.mark.parametrize("sign", [*"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"])
def test_no_sign_turns_what_is_read(sign: str) -> None:
    """It could be read as what it is not."""
    with pytest.raises(ValueError, match="direction"):
        reason_text(f"They sell {sign}slosarap")


@pytest.mark.parametrize("sign", ["\x00", "\x07", "\x1b[2J", "\x7f", "\x9b2J", "\udcff"])
def test_no_sign_steers_a_terminal_or_is_no_text(sign: str) -> None:
    """Whoever reads a log would see something else, or nothing could be written at all."""
    with pytest.raises(ValueError, match="no text"):
        reason_text(f"They sell {sign}boots")


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), max_size=30))
def test_what_can_be_seen_is_kept_as_it_is(text: str) -> None:
    """Of whichever alphabet, but for spaces at its ends."""
    seen = f"Ab\u200dc {text} d"
    assert reason_text(f"  {seen}\n{seen}\t") == unicodedata.normalize("NFC", f"{seen}\n{seen}")
    assert reason_text(f"  {seen}\t") == unicodedata.normalize("NFC", seen)
