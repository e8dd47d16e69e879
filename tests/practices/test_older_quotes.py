"""Pages quote the version that decides about somebody, where that is not the one in force."""

from __future__ import annotations

import html
from datetime import timedelta

import upheld
from gate.versions import WIDER, post, version
from practices.bills import owing
from practices.conftest import House
from practices.test_automatic_requests import LIST, desk, the_request
from practices.test_erase_value import WHO
from upheld.core.ids import PersonId
from upheld.practices.rights import erasure

COPIES = "may store messages with encryption, delete-after 24 months"
UNLESS_USED = "except may not bind when not used-since-posting and not narrowing"
SOFTER = (UNLESS_USED, f"{UNLESS_USED} and agreement-needs-notice")
WORDS = ("whatever widens our rights waits until you do.", "what widens our rights may wait.")
RENAMED = ("{#erasure}", "{#forgetting}")


def under_two(house: House, first: upheld.Policy, second: upheld.Policy) -> PersonId:
    """A customer of the first version who has not come back since the second was posted."""
    gate = house.provider.gate.gate
    gate.context = gate.context.under(first)
    gate.take_first_version()
    person = house.customer(**WHO)
    house.clock.moved += timedelta(days=1)
    post(gate, second)
    with gate.together() as transaction:
        assert len(transaction.binding_versions(person)) == 2
    return person


def page(house: House, person: PersonId, path: str) -> str:
    """A page as a customer sees it."""
    return html.unescape(house.signed_in(person).get(path).text)


def test_why_a_version_does_not_bind_is_said_by_the_one_that_says_so(house: House) -> None:
    """A version cannot drop what protects people from it, so the one before is quoted."""
    person = under_two(house, version("1"), version("2", WIDER, SOFTER, WORDS))
    text = page(house, person, "/me/versions")
    assert WORDS[0] in text
    assert '<a href="/privacy/versions/1#continued-use">' in text
    assert WORDS[1] not in text


def test_why_no_copy_of_a_message_is_kept_is_said_by_the_version_that_says_so(
    house: House,
) -> None:
    """The one in force would let us keep it, and is not quoted."""
    barred = (COPIES, "may not store messages")
    person = under_two(house, version("1", barred), version("2", WIDER))
    text = page(house, person, "/me/messages")
    assert "We keep no copies of what we write to you from now on. Our policy says no." in text
    assert "So says version 1 of our policy" in text
    assert '<a href="/privacy/versions/1#message-copies">' in text
    assert '<a href="/privacy#message-copies">' not in text


def test_what_stays_is_quoted_of_an_earlier_version_where_only_that_has_the_clause(
    house: House,
) -> None:
    """On the page of erasing one thing, of erasing everything, and at the desk."""
    person = under_two(house, version("1"), version("2", WIDER, RENAMED))
    house.do(lambda transaction: owing(transaction, person))
    older, newer = "/privacy/versions/1#erasure", "/privacy#forgetting"
    value = page(house, person, "/me/privacy/erase/address")
    assert f'href="{newer}"' in value
    for text in (value, page(house, person, "/me/privacy/erase")):
        assert f'href="{older}"' in text
        assert "This clause is no longer in the policy" not in text
    house.do(lambda transaction: erasure.request(transaction, person))
    text = desk(house).get(f"{LIST}/{the_request(house, person).request_id}").text
    stays = text.partition("What stays even so")[2]
    assert f'href="{older}"' in stays
    assert f'href="{newer}"' in stays
    assert "You may ask us to erase what we hold." in stays
