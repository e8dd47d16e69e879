"""The records of many at once: who has one in force, and ending them together."""

from __future__ import annotations

from datetime import timedelta
from typing import Unpack

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import upheld
from gate.conftest import customer
from gate.test_faults import problems
from sizes import size
from upheld.core.errors import RequestError
from upheld.core.ids import PersonId
from upheld.database.statements import row, run
from upheld.database.tables import microseconds
from upheld.database.transaction import writing
from upheld.gate.act.options import OptionError, RecordFilter
from upheld.gate.erasure import erase
from upheld.gate.evidence.records import RecordError
from upheld.gate.gate import Gate

FIELDS = ("email", "name")


def agree(gate: Gate, person: PersonId, purpose: str, party: str = "") -> str:
    """A permission for one purpose and recipient."""
    about = {"data": FIELDS, "purpose": [purpose], "recipient": ["business-partner"]}
    return gate.record(person, "consent", about=about, party=party)


def people(gate: Gate, **which: Unpack[RecordFilter]) -> set[str]:
    """Who has a permission in force."""
    return {each.person_id for each in gate.records_in_force("consent", **which)}


def test_who_agreed_to_a_purpose_is_one_entry_that_names_nobody(gate: Gate) -> None:
    """By purpose, by party, by both and by person; only a look-up of one person is their entry."""
    ann, bo = customer(gate), customer(gate)
    agree(gate, ann, "offers", "acme")
    agree(gate, bo, "offers")
    agree(gate, bo, "research", "acme")
    before = len(gate.entries(ann)), len(gate.entries(bo))
    assert people(gate, purpose="offers") == {ann, bo}
    assert people(gate, purpose="offers", party="acme") == {ann, bo}
    assert people(gate, purpose="offers", party="other") == {bo}
    assert people(gate, purpose="research", party="acme") == {bo}
    assert people(gate, purpose="billing") == set()
    assert (len(gate.entries(ann)), len(gate.entries(bo))) == before
    assert people(gate, person_id=ann) == {ann}
    assert gate.entries(ann)[-1].entry.kind == "registered"
    assert not problems(gate)


def test_a_wider_question_needs_a_wider_record(gate: Gate, person: PersonId) -> None:
    """Offers alone are no consent for all; but to end consent for all, offers end too."""
    agree(gate, person, "offers")
    assert people(gate, purpose="offers", data="email") == {person}
    assert people(gate, purpose="offers", data="phone") == set()
    assert people(gate, purpose="offers", data="contact-details") == set()
    ended = gate.withdraw_all("consent", data="contact-details")
    assert [each.person_id for each in ended] == [person]
    assert people(gate) == set()


def test_nobody_shares_on_a_permission_that_ended_with_all_others(gate: Gate) -> None:
    """Each finds one entry of it among their own, and the permission of another purpose stays."""
    both = [customer(gate), customer(gate)]
    for each in both:
        agree(gate, each, "offers")
    record = agree(gate, both[0], "research")
    words = {"recipient": "business-partner", "purpose": "offers", "occasion": "other"}
    gate.share(both[0], ["email"], **words)
    before = len(gate.entries(both[1]))
    assert len(gate.withdraw_all("consent", purpose="offers")) == 2
    for each in both:
        with pytest.raises(upheld.Refused):
            gate.share(each, ["email"], **words)
        assert gate.entries(each)[-2].entry.action == "withdraw consent"
    assert len(gate.entries(both[1])) == before + 2  # the withdrawal and the refusal
    assert [each.record_id for each in gate.records_in_force("consent")] == [record]
    assert gate.withdraw_all("consent", purpose="offers") == []
    assert not problems(gate)


def test_an_end_is_brought_forward_and_never_put_off(gate: Gate, person: PersonId) -> None:
    """A controller cannot make a permission last longer than it was given for."""
    agree(gate, person, "offers")
    now = gate.context.clock.now()
    for days, wanted in ((20, 20), (30, 20), (10, 10)):
        gate.withdraw_all("consent", person_id=person, until=now + timedelta(days=days))
        (result,) = gate.records_in_force("consent", person_id=person)
        assert result.ends == microseconds(now + timedelta(days=wanted))
    assert people(gate, purpose="offers") == {person}


def test_who_is_erased_is_listed_no_more_and_the_entries_stay_whole(gate: Gate) -> None:
    """Of a batch that was withdrawn one may go."""
    ann, bo = customer(gate), customer(gate)
    for each in (ann, bo):
        agree(gate, each, "offers")
        agree(gate, each, "research")
    gate.withdraw_all("consent", purpose="offers")
    erase.erase(gate, [ann], now=True)
    assert people(gate, purpose="research") == {bo}
    assert not problems(gate)


def test_a_changed_record_stops_the_list_and_a_withdrawal_undone_is_found(
    gate: Gate, person: PersonId
) -> None:
    """Whoever can write to the database cannot consent, nor take back what was withdrawn."""
    record = agree(gate, person, "offers")
    other = customer(gate)
    agree(gate, other, "offers")
    statement = "SELECT valid_from, ends, withdrawn, mac FROM record WHERE record_id = ?"
    with writing(gate.engine) as connection:
        old = row(connection, statement, record)
    assert old is not None
    gate.withdraw_all("consent", purpose="offers")
    with writing(gate.engine) as connection:
        run(
            connection,
            "UPDATE record SET withdrawn = ?, mac = ? WHERE record_id = ?",
            old[2],
            old[3],
            record,
        )
    assert any("before it ended" in problem for problem in problems(gate))
    with writing(gate.engine) as connection:
        run(connection, "UPDATE record SET by_whom = 'them' WHERE record_id = ?", record)
    with pytest.raises(RecordError) as refused:
        gate.records_in_force("consent", purpose="offers")
    assert refused.value.code == "forged-record"


def test_a_word_that_nobody_knows_is_refused(gate: Gate) -> None:
    """A misspelt purpose is an error, and no empty answer."""
    with pytest.raises(RequestError):
        gate.records_in_force("consent", purpose="ofers")
    with pytest.raises(OptionError, match="did you mean `purpose`"):
        gate.records_in_force("consent", porpose="offers")  # type: ignore[call-arg] # misspelt on purpose


PURPOSES = ("offers", "research", "billing")


@settings(
    max_examples=size("ends of many records", short=8, long=60),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from(PURPOSES), st.sampled_from(("", "acme"))),
        max_size=6,
    ),
    st.lists(st.tuples(st.sampled_from(PURPOSES), st.sampled_from(("", "acme"))), max_size=3),
)
def test_what_is_listed_is_what_was_given_and_not_ended(
    gate: Gate, given_: list[tuple[int, str, str]], ended: list[tuple[str, str]]
) -> None:
    """Whatever is given and ended in whichever order, compared with a list in memory."""
    everybody = [customer(gate) for _ in range(3)]
    truth = {
        agree(gate, everybody[who], purpose, party): (purpose, party)
        for who, purpose, party in given_
    }
    for purpose, party in ended:
        gone = {
            each.record_id for each in gate.withdraw_all("consent", purpose=purpose, party=party)
        }
        wanted = {n for n, text in truth.items() if text[0] == purpose and party in ("", text[1])}
        assert gone & truth.keys() == wanted
        truth = {n: text for n, text in truth.items() if n not in wanted}
    for purpose in PURPOSES:
        for party in ("", "acme"):
            result = {
                each.record_id
                for each in gate.records_in_force("consent", purpose=purpose, party=party)
            }
            right = {
                n
                for n, text in truth.items()
                if text[0] == purpose and (not party or text[1] in ("", party))
            }
            assert result & truth.keys() == right
