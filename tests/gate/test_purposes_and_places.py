"""What is stored names its purpose and its place, and what a clause says must be deleted is."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

import upheld
from gate.conftest import Told, later
from gate.test_faults import problems
from gate.test_items import of
from gate.test_retention import held
from upheld.core.errors import RequestError
from upheld.core.ids import PersonId
from upheld.gate.act.options import StoreOptions
from upheld.gate.act.request import ActResult, Refused
from upheld.gate.erasure.retention import retire
from upheld.gate.evidence import records
from upheld.gate.gate import Gate
from upheld.gate.obligations import mark_overdue
from upheld.policy.load import load_text
from upheld.vault.keyring import Keyring
from upheld.vault.people import REGISTER

RULES = """
may collect email, phone, interests from customer for billing at registration
may store email, phone, interests for billing in home-country
may use email for offers when notified >= 30 days
may view email by staff for support in home-country
must delete phone, interests within 60 days when account-closed
"""
HOLD = "We keep what we must. {#hold}\n\n```rule\nmay store interests when legal-hold\n```\n"
FROM: StoreOptions = {"source": "customer", "occasion": "registration"}


def policy_of(rules: str) -> upheld.Policy:
    """A policy of one clause over the built-in words."""
    return load_text(f"---\npolicy: Test\n---\nWe do. {{#a}}\n\n```rule\n{rules}\n```\n\n{HOLD}")


@pytest.fixture(name="here")
def _here(engine: Engine, keyring: Keyring, clock: Told) -> Gate:
    """A gate whose data lie in its own country, under rules that name purposes and places."""
    return Gate(engine, policy_of(RULES), keyring, clock, place="home-country")


def stored(gate: Gate) -> PersonId:
    """Somebody of whom an e-mail address, a phone number and interests are held."""
    person = gate.enrol()
    field_values = {
        "email": "ann@marked.example",
        "phone": "+1 425 555 0142",
        "interests": "marked skiing",
    }
    gate.store(person, field_values, source="customer", occasion="registration", purpose="billing")
    return person


def test_what_is_stored_names_its_purpose_and_its_place(here: Gate) -> None:
    """Both acts say what it is for, and storing says where; without its purpose it is refused."""
    person = stored(here)
    collect, store = [remaining.entry for remaining in here.entries(person)][-2:]
    assert (collect.action, collect.purpose, collect.place) == ("collect", "billing", "")
    assert (store.action, store.purpose, store.place) == ("store", "billing", "home-country")
    for purpose in (None, "offers"):
        with pytest.raises(Refused):
            here.store(
                person,
                {"email": "bea@marked.example"},
                source="customer",
                occasion="registration",
                purpose=purpose,
            )
    assert here.act("view", person, ["email"], actor="staff", purpose="support")["email"]


@pytest.mark.parametrize("place", ["", "abroad"])
def test_data_that_lie_elsewhere_may_not_be_stored(
    engine: Engine, keyring: Keyring, clock: Told, place: str
) -> None:
    """Where they lie is a setting; one that is not said stands for every place."""
    gate = Gate(engine, policy_of(RULES), keyring, clock, place=place)
    with pytest.raises(Refused):
        stored(gate)


def test_a_place_that_the_policy_does_not_know_is_refused_at_the_start(
    engine: Engine, keyring: Keyring, clock: Told
) -> None:
    """The error names the nearest word."""
    with pytest.raises(RequestError) as caught:
        Gate(engine, policy_of(RULES), keyring, clock, place="home-contry")
    assert "home-country" in caught.value.hint


def test_an_act_names_another_place_than_ours(here: Gate) -> None:
    """Whoever says the place of an act is asked about that place."""
    person = stored(here)
    with pytest.raises(Refused):
        here.act("view", person, ["email"], actor="staff", purpose="support", place="abroad")


def test_what_may_be_stored_for_one_purpose_stays(here: Gate, clock: Told) -> None:
    """Retention deletes what no clause lets be stored for any purpose, and nothing else."""
    person = stored(here)
    later(here, clock, 400)
    assert retire(here) == 0
    assert held(here, person) == ["email", "interests", "phone"]
    less = RULES.replace("may store email, phone, interests", "may store email, interests")
    here.context = here.context.under(policy_of(less))
    assert retire(here) == 1
    assert held(here, person) == ["email", "interests"]


def test_a_purpose_that_the_words_do_not_ask_for_goes_unsaid(
    engine: Engine, keyring: Keyring, clock: Told
) -> None:
    """A vocabulary whose collecting and storing take no purpose answers as it always did."""
    words = (
        'extends = "provider"\n[action]\n'
        'collect = {takes = ["data", "source", "occasion"]}\nstore = {takes = ["data"]}\n'
    )
    text = "---\npolicy: Test\n---\nWe do. {#a}\n\n```rule\n"
    text += "may collect email from customer\nmay store email\n```\n"
    gate = Gate(engine, load_text(text, vocabulary=words), keyring, clock, place="abroad")
    person = gate.enrol()
    assert gate.store(
        person,
        {"email": "a@b.example"},
        source="customer",
        occasion="registration",
        purpose="billing",
    ).decision.allowed
    assert retire(gate) == 0


def test_what_must_be_deleted_goes_by_its_last_day_and_the_item_is_done(
    here: Gate, clock: Told
) -> None:
    """The entry names the clause; other fields stay, and nothing is deleted before."""
    person = stored(here)
    here.record(person, "account", fact="account-closed")
    assert of(here, person) == [("open", "delete", "a")]
    later(here, clock, 58)
    assert retire(here) == 0
    later(here, clock, 1.5)
    assert retire(here) == 2
    assert held(here, person) == ["email"]
    assert of(here, person) == [("done", "delete", "a")]
    (entry,) = [
        remaining.entry for remaining in here.entries(person) if remaining.entry.kind == "retention"
    ]
    assert (entry.action, entry.data, entry.clauses) == ("delete", ("interests", "phone"), ("a",))
    assert retire(here) == 0
    assert problems(here) == ()


def test_an_account_that_is_opened_again_keeps_its_data(here: Gate, clock: Told) -> None:
    """What is no longer owed lapses and is not done."""
    person = stored(here)
    closed = here.record(person, "account", fact="account-closed")
    later(here, clock, 30)
    here.withdraw(person, closed, ended=True)
    later(here, clock, 40)
    assert retire(here) == 0
    assert of(here, person) == [("lapsed", "delete", "a")]


def test_a_hold_keeps_what_must_be_deleted_until_it_ends(here: Gate, clock: Told) -> None:
    """What the law keeps stays, the item becomes late, and is done once the hold is over."""
    person = stored(here)
    hold = here.record(person, "hold", fact="legal-hold")
    here.record(person, "account", fact="account-closed")
    later(here, clock, 61)
    assert retire(here) == 1
    assert held(here, person) == ["email", "interests"]
    mark_overdue(here)
    assert of(here, person) == [("late", "delete", "a")]
    here.withdraw(person, hold, ended=True)
    assert retire(here) == 1
    assert held(here, person) == ["email"]
    assert of(here, person) == [("done", "delete", "a")]


def test_thirty_days_after_somebody_was_told_it_may_be_done(here: Gate, clock: Told) -> None:
    """Not before the moment, and never for who was told nothing or only that time has run."""
    person = stored(here)
    words = ("use", person, ["email"])
    assert not here.peek(*words, purpose="offers").allowed
    here.record(person, "notice", fact="notice-given")
    later(here, clock, 60)
    assert not here.peek(*words, purpose="offers").allowed
    here.record(person, "notice", fact="notified")
    later(here, clock, 29.9)
    assert here.peek(*words, purpose="offers").outcome == "deny"
    later(here, clock, 0.2)
    assert here.peek(*words, purpose="offers").allowed


def test_a_recipient_is_where_the_register_says(
    engine: Engine, keyring: Keyring, clock: Told
) -> None:
    """A share to a party by name takes place where it is; where nobody says, it is refused."""
    rules = "may share email to collection-agent for debt-collection in home-country when engaged\n"
    gate = Gate(engine, policy_of(RULES + rules), keyring, clock, place="home-country")
    person = stored(gate)
    agent = {"recipient": ["collection-agent"]}
    for party, place in (("near", ["home-country"]), ("far", ["abroad"]), ("unsaid", [])):
        about = agent | ({"place": place} if place else {})
        gate.record(REGISTER, "engagement", party=party, about=about)

    def share(party: str) -> ActResult:
        return gate.act(
            "share",
            person,
            ["email"],
            recipient="collection-agent",
            purpose="debt-collection",
            occasion="other",
            party=party,
        )

    number = share("near").entry
    entry = next(
        remaining.entry for remaining in gate.entries(person) if remaining.number == number
    )
    assert (entry.recipient, entry.place) == ("collection-agent near", "home-country")
    for party in ("far", "unsaid", "unheard-of"):
        with pytest.raises(Refused):
            share(party)
    gate.record(REGISTER, "engagement", party="near", about=agent | {"place": ["abroad"]})
    with pytest.raises(Refused):  # it is said to be in two places
        share("near")


def test_a_place_is_said_of_recipients_alone(here: Gate) -> None:
    """A record that is about no recipient has no place; an unknown one is refused."""
    with pytest.raises(records.RecordError):
        here.record(stored(here), "account", fact="account-closed", about={"place": ["abroad"]})
    about = {"recipient": ["collection-agent"], "place": ["atlantis"]}
    with pytest.raises(RequestError):
        here.record(REGISTER, "engagement", party="near", about=about)
