"""Recorded acts asked again of a draft: on the facts as they were, and honest about what is not."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import islice

import pytest

import upheld
from gate.conftest import Told, customer
from gate.test_covering import cover
from gate.test_gate import TO_PARTNER
from upheld.database.statements import run
from upheld.database.transaction import writing
from upheld.demo import sample_policy
from upheld.gate.act.replay import ReplayCounts, questions
from upheld.gate.act.request import Refused
from upheld.gate.gate import Gate
from upheld.ledger.entries import Entry
from upheld.policy.load import load_text
from upheld.policy.replay import Replay, ReplayReport

ABOUT = {"data": ["email"], "purpose": ["offers"], "recipient": ["business-partner"]}


def replayed(gate: Gate, draft: upheld.Policy) -> tuple[ReplayReport, ReplayCounts]:
    """What a draft would have decided otherwise."""
    recall = ReplayCounts()
    work = Replay(gate.context.policy, draft, lambda line: (json.loads(line or b""), None))
    lines = questions(gate, draft, recall)
    while batch := list(islice(lines, 7)):
        work.batch(list(batch))
    return work.report(), recall


def draft_without(*words: str) -> upheld.Policy:
    """The sample policy without some lines."""
    text = sample_policy().read_text(encoding="utf-8")
    for each in words:
        assert each in text
        text = text.replace(each, "")
    return load_text(text)


def test_a_draft_is_asked_of_what_was_done_on_the_facts_as_they_were(gate: Gate) -> None:
    """Whoever permitted it then is asked as permitting, though they withdrew since."""
    person = customer(gate)
    record = gate.record(person, "consent", by_whom="customer", how="form", about=ABOUT)
    gate.share(person, ["email"], **TO_PARTNER)
    gate.withdraw(person, record)
    with pytest.raises(Refused):
        gate.share(person, ["email"], **TO_PARTNER)
    same, recall = replayed(gate, gate.context.policy)
    assert same.otherwise == 0
    assert recall.otherwise == recall.gone == recall.unknown == 0
    assert recall.asked == same.questions > 4
    draft = draft_without(
        "  except may share to supplier, trusted-partner, business-partner, guardian, legal-adviser"
        " for any but programme, partner-marketing\n"
        "    when permission\n    with record\n    because consent\n"
    )
    result, _ = replayed(gate, draft)
    assert (result.otherwise, result.no_longer_allowed) == (1, 1)
    assert "permission" in result.clauses


def test_age_is_that_of_then(gate: Gate, clock: Told) -> None:
    """Somebody who was sixteen is asked as sixteen, three years later too."""
    born = (clock.now() - timedelta(days=16 * 365 + 100)).date().isoformat()
    person = customer(gate, born=born)
    with pytest.raises(Refused):
        gate.act("serve", person)
    clock.ahead = timedelta(days=3 * 365)
    gate.accept_clock()
    gate.act("serve", person)
    same, recall = replayed(gate, gate.context.policy)
    assert (same.otherwise, recall.otherwise) == (0, 0)
    draft = draft_without("  except may when guardian-permission and guardian-supervision\n")
    result, _ = replayed(gate, draft)
    assert (result.otherwise, result.newly_allowed) == (1, 0)


def test_batches_are_asked_person_by_person_and_who_is_gone_is_counted(gate: Gate) -> None:
    """A sweep over three of whom one is gone is asked twice."""
    everybody = [customer(gate) for _ in range(3)]
    _, before = replayed(gate, gate.context.policy)
    gate.sweep("use", everybody, ["email"], purpose="billing")
    with writing(gate.engine) as connection:
        run(connection, "DELETE FROM person_key WHERE person_id = ?", everybody[0])
    _, after = replayed(gate, gate.context.policy)
    assert after.entries == before.entries + 1
    assert after.gone == before.gone + 1 + before.entries // 3
    cover(gate.engine)


def test_what_can_no_longer_be_told_is_counted(gate: Gate) -> None:
    """A corrected birth date shows as decided otherwise; an unknown action is not asked."""
    young = gate.context.clock.now() - timedelta(days=15 * 365)
    person = customer(gate, born=young.date().isoformat())
    with pytest.raises(Refused):
        gate.act("serve", person)
    gate.store(person, {"birth-date": "1980-01-01"}, source="customer", occasion="registration")
    _, recall = replayed(gate, gate.context.policy)
    assert recall.otherwise >= 1
    from upheld.gate.log import entries

    with writing(gate.engine) as connection:
        entry = Entry(kind="act", time="", action="teleport", outcome="allow")
        entries.write(connection, entry, person, gate.context.clock.now())
    _, recall = replayed(gate, gate.context.policy)
    assert recall.unknown == 1
