"""Letters: who is written to for what, and who is not any more."""

from __future__ import annotations

from typing import Any

import pytest

from practices.conftest import House, send
from practices.mail import deliver
from practices.test_debts_outlive import debtor
from upheld.core.ids import PersonId
from upheld.gate.act.request import Refused
from upheld.practice import outbox

TEMPLATE = """{% block subject %}News for {{ name }}{% endblock %}
{% block newsletter %}The network grew.{% endblock %}
{% block service_announcement %}On Sunday we work on the lines.{% endblock %}
{% block offers %}Fibre costs less this month.{% endblock %}"""
PURPOSES = ("newsletter", "service-announcement", "offers")


@pytest.fixture(autouse=True)
def _template(house: House) -> None:
    """A letter of the provider's own."""
    env = house.provider.pages.plain
    get = env.get_template

    def get_template(name: Any, *more: Any, **rest: Any) -> Any:
        return (
            env.from_string(TEMPLATE) if name == "own/mail/letter.txt" else get(name, *more, **rest)
        )

    env.get_template = get_template  # type: ignore[method-assign] # the provider's own


def write(house: House, person: PersonId, purpose: str) -> bool:
    """Write to somebody, and send it; whether it was sent."""
    queued = house.do(lambda transaction: outbox.queue(transaction, person, "own/letter", purpose))
    return bool(deliver(house)) and not isinstance(queued, Refused)


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_customer_is_written_to_until_they_close_their_account(
    house: House, purpose: str
) -> None:
    """News, announcements and offers reach whoever has an account, and nobody after it."""
    person = house.customer()
    assert write(house, person, purpose)
    assert send(house.signed_in(person), "/me/close", {"sure": "yes"}).status_code == 303
    assert not write(house, person, purpose)


def test_offers_end_with_an_opt_out_and_news_does_not(house: House) -> None:
    """One button on the page of choices ends offers, and ends nothing that has no opt-out."""
    person = house.customer()
    page = "/me/privacy/choices"
    assert send(house.signed_in(person), f"{page}/offers/out", {}, page).status_code == 303
    assert not write(house, person, "offers")
    assert write(house, person, "newsletter")
    assert send(house.signed_in(person), f"{page}/offers/in", {}, page).status_code == 303
    assert write(house, person, "offers")


@pytest.mark.parametrize("purpose", PURPOSES)
def test_nobody_who_was_erased_is_written_to_about_anything_but_their_debt(
    house: House, purpose: str
) -> None:
    """What is kept of a debtor is an address for the debt, and for no news."""
    person = debtor(house)
    assert deliver(house), "where they can pay"
    assert not write(house, person, purpose)


@pytest.mark.parametrize("hold", [False, True])
def test_who_closed_their_account_hears_of_a_new_password_while_the_law_holds_them(
    house: House, *, hold: bool
) -> None:
    """Nothing open and no hold: not even that is written to them any more."""
    person = house.customer()
    if hold:
        house.do(lambda transaction: transaction.record(person, "hold", fact="legal-hold"))
    assert send(house.signed_in(person), "/me/close", {"sure": "yes"}).status_code == 303
    deliver(house)
    page, form = "/me/security/password", {"password": "other plain words today"}
    assert send(house.signed_in(person), page, form).status_code == 303
    assert bool(deliver(house)) == hold
