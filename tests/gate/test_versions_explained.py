"""An old entry is explained by the version that decided it, not by the one in force."""

from __future__ import annotations

import importlib.resources

import pytest

from gate.conftest import customer
from gate.test_bound_versions import PURPOSE, allowed, use
from gate.test_recall import replayed
from gate.versions import NARROWER, WIDER, post, version
from upheld.core.ids import PersonId
from upheld.database import rows as database
from upheld.database.transaction import reading, writing
from upheld.demo import sample_policy
from upheld.gate.editions import store
from upheld.gate.editions.tables import policy_copy
from upheld.gate.gate import Gate
from upheld.gate.log.receipts import AccountQuery, account
from upheld.policy.load import Policy, load_text

LABEL = 'label = "improving services"'


def relabelled(name: str, words: str) -> Policy:
    """The sample policy as another version, which calls a purpose something else."""
    place = importlib.resources.files("upheld.policy") / "vocabularies" / "provider.toml"
    vocabulary = place.read_text(encoding="utf-8")
    assert vocabulary.count(LABEL) == 1
    text = sample_policy().read_text(encoding="utf-8")
    text = text.replace("version: 2026-11-01", f"version: {name}")
    text = text.replace("effective: 2026-11-01\n", "")
    return load_text(text, vocabulary=vocabulary.replace(LABEL, f'label = "{words}"'))


def explanations(gate: Gate, person: PersonId) -> list[str]:
    """How the account words somebody's entries about what the versions differ in."""
    with reading(gate.engine) as connection:
        lines = list(account(connection, gate.policy, AccountQuery(person_id=person)))
    return [each.text for each in lines if each.entry.purpose == PURPOSE]


def test_an_account_has_the_words_of_the_version_that_decided_each_entry(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it is not in mind, and is read out of the database by its digest."""
    gate.context = gate.context.under(relabelled("1", "making things better"))
    gate.take_first_version()
    person = customer(gate)
    assert allowed(gate, person, "messages")
    post(gate, relabelled("2", "doing more of the same"))
    assert allowed(gate, person, "messages")
    monkeypatch.setattr(store, "_LOADED", store._Loaded())  # another process
    before, after = explanations(gate, person)
    assert "for making things better" in before
    assert "for doing more of the same" in after
    entry, *_ = [e.entry for e in gate.entries(person) if e.entry.purpose == PURPOSE]
    assert gate.policy_behind(entry).front.version == "1"


def test_an_entry_of_a_policy_that_was_never_posted_is_told_by_the_one_in_force(
    gate: Gate, person: PersonId
) -> None:
    """As those of a database from before there were versions."""
    assert allowed(gate, person, "messages")
    (entry,) = [each.entry for each in gate.entries(person) if each.entry.purpose == PURPOSE]
    gate.context = gate.context.under(version("1"))
    gate.take_first_version()
    assert gate.policy_behind(entry) is gate.policy
    assert len(explanations(gate, person)) == 1


def test_a_version_whose_copy_is_gone_is_an_error_and_no_guess(
    gate: Gate, person: PersonId, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is told in the words of another version."""
    gate.take_first_version()
    first = gate.policy.digest
    assert allowed(gate, person, "messages")
    post(gate, version("2", WIDER))
    with writing(gate.engine) as connection:
        database.delete(connection, policy_copy, "digest = ?", first)
    monkeypatch.setattr(store, "_LOADED", store._Loaded())  # another process
    with pytest.raises(store.EditionError) as caught:
        explanations(gate, person)
    assert caught.value.code == "version-copy"


def test_recorded_acts_are_asked_again_of_the_versions_that_decided_them(
    gate: Gate, person: PersonId
) -> None:
    """What was allowed then and is not now, and what an older version refused, is not otherwise."""
    gate.take_first_version()
    assert allowed(gate, person, "messages")
    post(gate, version("2", WIDER))
    assert not allowed(gate, person)
    use(gate, person)
    assert allowed(gate, person)
    post(gate, version("3", NARROWER))
    assert not allowed(gate, person, "messages")
    _, recall = replayed(gate, gate.policy)
    assert recall.otherwise == recall.unknown == recall.gone == 0
    assert recall.asked > 3
