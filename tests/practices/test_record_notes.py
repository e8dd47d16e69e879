"""The story says what a record is about, not only that it was made."""

from __future__ import annotations

from practices.conftest import House, send
from upheld.practices.rights import choices


def test_an_opt_out_and_an_objection_say_of_what(house: House) -> None:
    """Each line of a record names its subject, in the story and in the copy."""
    person = house.customer(interests="books")
    browser = house.signed_in(person)
    house.do(lambda transaction: choices.opt(transaction, person, "opted-out", "offers", out=True))
    house.do(lambda transaction: choices.opt(transaction, person, choices.ADVERTISING, out=True))
    assert send(browser, "/me/privacy/object", {"purpose": "research"}).status_code == 303
    page = browser.get("/me/privacy/received").text
    assert "You opted out. It is about offers" in page
    assert "You opted out. It is about advertising by personal information." in page
    assert "You made a request. It is this: “Object to a use: " in page
    assert page.count("You objected to a use of what we hold. It is about ") == 1
