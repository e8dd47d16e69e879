"""`upheld termination`: decided and undone by somebody with the role, listed without customers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.homes import provider_in, run
from upheld.cli.admin import provider_of
from upheld.core.errors import UpheldError
from upheld.core.ids import PersonId
from upheld.core.settings import read_settings
from upheld.gate.transaction import GateTransaction
from upheld.practices.accounts import domain


@pytest.fixture(name="home")
def _home(tmp_path: Path) -> Path:
    """A folder with a provider at which somebody has the role, and somebody else has not."""
    return provider_in(tmp_path, tia="terms", sam="support")


def customer(home: Path) -> PersonId:
    """Somebody with an account."""

    def work(transaction: GateTransaction) -> PersonId:
        person = transaction.enrol()
        transaction.store(
            person, {"name": "Ann Marked"}, source="customer", occasion="registration"
        )
        domain.open_account(transaction, person, agreement_digest="0" * 64)
        domain.verify(transaction, person)
        return person

    provider = provider_of(read_settings(home / "upheld.toml"))
    with provider.gate.gate.together() as transaction:
        return work(transaction)


def decide(home: Path, person: str, *words: str, by: str = "tia") -> str:
    """Decide by the command; what it prints."""
    start = ("termination", "decide", person, "--by", by, "--term", "Be kind.", "--events", "-")
    return run(home, *start, *words, typed="Was rude to Zo\u00eb.")


def test_a_decision_is_made_listed_and_undone(home: Path) -> None:
    """The list says the state and the day, and nothing of whom it is about."""
    person = customer(home)
    decision = json.loads(decide(home, person, "--json"))
    assert decision["state"] == "ended"
    listed = run(home, "termination", "list")
    assert f"{decision['id']}: ended" in listed
    assert person not in listed
    undone = run(
        home, "termination", "undo", decision["id"], "--by", "tia", "--why", "-", typed="No."
    )
    assert "undone" in undone
    assert json.loads(run(home, "termination", "list", "--json"))[0]["state"] == "undone"


@pytest.mark.parametrize(
    ("words", "by", "code"),
    [
        ((), "sam", "termination-role"),
        ((), "nobody", "no-user"),
        (("--service", "telegraph"), "tia", "termination-service"),
        (("--starts", "2020-01-01"), "tia", "usage"),
        (("--starts", "tomorrow"), "tia", "usage"),
    ],
)
def test_what_cannot_be_decided_is_refused_with_a_code(
    home: Path, words: tuple[str, ...], by: str, code: str
) -> None:
    """Somebody without the role, no such service, a day that is over or none."""
    with pytest.raises(UpheldError) as caught:
        decide(home, customer(home), *words, by=by)
    assert caught.value.code == code


def test_a_text_that_is_empty_or_too_long_is_refused(home: Path) -> None:
    """What happened has to be said, within what a customer reads."""
    start = ("termination", "decide", customer(home), "--by", "tia", "--term", "Be kind.")
    for typed in (" \n", "x" * 5001):
        with pytest.raises(UpheldError, match="empty or too long"):
            run(home, *start, "--events", "-", typed=typed)


@pytest.mark.parametrize("why", [" ", "\u200b\u2060", "Sorry \u202eyrros", "x" * 5_001])
def test_a_decision_is_not_undone_for_a_reason_that_nobody_could_read(home: Path, why: str) -> None:
    """As it is not at the desk."""
    decision = json.loads(decide(home, customer(home), "--json"))
    words = ("termination", "undo", decision["id"], "--by", "tia", "--why", "-")
    with pytest.raises(UpheldError):
        run(home, *words, typed=why)
    assert json.loads(run(home, "termination", "list", "--json"))[0]["state"] == "ended"
