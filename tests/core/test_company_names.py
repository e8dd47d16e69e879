"""How people read the companies that the register of parties names."""

from __future__ import annotations

import pytest

from upheld.core.company_names import company_name


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("harbour-collections", "Harbour Collections"),
        ("acme", "Acme"),
        ("northern-mail-2", "Northern Mail 2"),
        ("McDuck & Sons", "McDuck & Sons"),
        ("bo@example.org", "bo@example.org"),
        ("0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdef"),
        ("-", "-"),
        ("", ""),
    ],
)
def test_a_company_is_read_by_its_name(word: str, name: str) -> None:
    """A word for programs is written out; a written name, an address and an id stay as they are."""
    assert company_name(word) == name
