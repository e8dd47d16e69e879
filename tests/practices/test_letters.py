"""Mail worth reading: capital letters, amounts, names, and links that look like buttons."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import upheld.practices
from practices.conftest import House
from upheld.core.ids import MessageId
from upheld.demo.pages import letter_markup
from upheld.practices.messages.compose import compose, mail
from upheld.web import markdown

FOLDER = Path(upheld.practices.__file__).parent
LETTERS = sorted(
    f"{path.parents[2].name}/{path.stem}" for path in FOLDER.glob("*/templates/mail/*.txt")
)
WORDS = {
    "number": "2026-1632",
    "due": "2026-11-15",
    "which": "warned",
    "cents": "7590",
    "open": "1250",
    "compare": "ABCD",
    "request": "0" * 32,
    "ticket": "0" * 32,
    "answer": "approved",
    "version": "two",
    "day": "2026-11-15",
    "posted": "yes",
    "termination": "0" * 32,
    "notice": "Somebody read it on 3 November.",
    "kinds": "your name",
    "incident": "0" * 32,
    "partner": "Northern Mail",
    "subject": "Two months for one",
    "text": "Come and see.",
}


def _parts(house: House, template: str, name: str = "Ann Marked") -> tuple[str, str]:
    """A letter as plain text and as HTML."""
    person = house.customer()
    composed = house.do(
        lambda transaction: compose(
            house.provider, transaction.tables, template, person, name, WORDS, lambda _: True
        )
    )
    message = mail(
        house.provider, composed, to="ann@marked.example", message_id=MessageId("0" * 32)
    )
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert html is not None
    return plain.get_content(), html.get_content()


@pytest.mark.parametrize("template", LETTERS)
def test_each_letter_begins_with_a_capital_and_has_a_button(house: House, template: str) -> None:
    """Each paragraph begins as a sentence does, and what to do is a button with its address."""
    plain, html = _parts(house, template)
    letter, _, _ = plain.partition("\n-- \n")
    paragraphs = [each.strip() for each in letter.split("\n\n") if each.strip()]
    assert [each for each in paragraphs if not each[0].isupper()] == []
    buttons = re.findall(r'<p><a class="button" style="[^"]+" href="([^"]+)">([^<]+)</a></p>', html)
    assert buttons
    for address, label in buttons:
        assert f"{label}: <{address}>" in plain


def test_a_letter_about_an_invoice_names_its_amount(house: House) -> None:
    """Whoever reads it knows what is to be paid by when, without signing in."""
    plain, html = _parts(house, "billing/invoice")
    said = "Your invoice 2026-1632 for $75.90 is ready. Please pay it by 15 November 2026."
    assert said in plain
    assert said in html
    assert "$12.50 of it is still open." in _parts(house, "billing/reminder")[0]


def test_an_invitation_names_who_invites(house: House) -> None:
    """A household's letter begins with the name that its sender gave, if they gave one."""
    assert "Ann Marked invites you to their household" in _parts(house, "accounts/household")[0]
    assert "A customer invites you" in _parts(house, "accounts/household", "")[0]


def test_a_name_cannot_be_a_button() -> None:
    """The marks of a button in somebody's own words are taken out of them."""
    value = f"Hello {markdown.marked(str(markdown.button('Pay', 'https://evil.example')))}"
    assert "<https://evil.example>" not in markdown.plain(value)
    assert "<a" not in markdown.html(markdown.escaped(value))


def test_a_letter_is_shown_as_a_mail_program_shows_it(house: House) -> None:
    """The demonstration shows its HTML in the page's own style, with links that lead here."""
    page = str(letter_markup(_parts(house, "billing/invoice", "<b>Ann</b>")[1]))
    assert '<a class="button" href="/me/balance/2026-1632">View and pay</a>' in page
    assert "style=" not in page
    assert "<b>" not in page
