"""A version that drops a word which stored rows use is not drafted, approved or posted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from gate.conftest import customer
from gate.versions import post, version
from upheld.core.ids import PersonId, UserId
from upheld.gate.editions.store import EditionError
from upheld.gate.gate import Gate
from upheld.gate.posting import ApprovedVersion
from upheld.gate.transaction import GateTransaction
from upheld.policy.analyse.compare import compare
from upheld.policy.load import Policy, load_text
from upheld.practice import operators
from upheld.practices.versions import drafts

WORDS = """
[action]
call-back = {takes = [], label = "call you back"}

[data]
shoe-size = {label = "shoe size"}

[purpose]
fitting = {label = "fitting shoes"}

[occasion]
measuring = {label = "when we measure you"}

[fact]
measured = {proof = "measurement", absent = "no", label = "we measured you"}
fitted = {proof = "visit", absent = "no", label = "shoes were fitted"}
called = {proof = "call", absent = "no", label = "you called"}
walked = {proof = "visit", absent = "no", label = "you walked in them"}
"""
RULES = """
## Shoes

We take the shoe size that you tell us and use it to fit shoes once we measured you. {#shoes}

```rule
may collect shoe-size from customer
may collect email from customer at measuring
may store shoe-size
may use shoe-size for fitting when measured and fitted and walked
must call-back within 30 days when called
```
"""


def with_words(name: str) -> Policy:
    """The sample policy with words of its own."""
    return load_text(version(name).program.source + RULES, vocabulary=WORDS)


@pytest.fixture(name="shop")
def _shop(gate: Gate) -> Gate:
    """A gate under a policy with words of its own, which nobody used yet."""
    gate.context = gate.context.under(with_words("1"))
    gate.take_first_version()
    return gate


def refusal(gate: Gate) -> str:
    """What is said of posting a version without these words."""
    with pytest.raises(EditionError) as caught:
        post(gate, version("2"))
    assert caught.value.code == "version-words"
    assert gate.policy.front.version == "1"
    return str(caught.value)


def test_words_that_nothing_uses_are_dropped(shop: Gate) -> None:
    """A customer without any of them is in nobody's way."""
    customer(shop)
    post(shop, version("2"))
    assert shop.policy.front.version == "2"


def _value(gate: Gate, person: PersonId) -> None:
    gate.store(person, {"shoe-size": "43"}, source="customer", occasion="registration")


def _moment(gate: Gate, person: PersonId) -> None:
    gate.store(person, {"email": "b@marked.example"}, source="customer", occasion="measuring")


def _purpose(gate: Gate, person: PersonId) -> None:
    gate.record(person, "opt-out", fact="opted-out", about={"purpose": ["fitting"]})


def _only_fact(gate: Gate, person: PersonId) -> None:
    gate.record(person, "measurement")


def _one_fact(gate: Gate, person: PersonId) -> None:
    gate.record(person, "visit", fact="fitted")


def _past_fact(gate: Gate, person: PersonId) -> None:
    past = gate.clock.now() - timedelta(days=2)
    gate.record(person, "visit", fact="walked", valid_from=past, ends=past + timedelta(days=1))


@pytest.mark.parametrize(
    ("write", "says", "row"),
    [
        (_value, "data `shoe-size` ({})", "stored value"),
        (_moment, "occasion `measuring` ({})", "stored value"),
        (_purpose, "purpose `fitting` ({})", "record"),
        (_only_fact, "fact `measured` ({})", "record"),
        (_one_fact, "fact `fitted` ({})", "record"),
        (_past_fact, "fact `walked` ({})", "record"),
    ],
)
def test_a_word_in_use_is_named_with_how_many_rows_use_it(
    shop: Gate, write: Callable[[Gate, PersonId], None], says: str, row: str
) -> None:
    """Of a tree or a fact, of a record that ended too; words that nothing uses are not named."""
    write(shop, customer(shop))
    assert refusal(shop) == f"it drops words that stored rows use: {says.format(f'1 {row}')}"
    write(shop, customer(shop))
    assert refusal(shop) == f"it drops words that stored rows use: {says.format(f'2 {row}s')}"


def test_every_word_in_use_is_named(shop: Gate) -> None:
    """What is one of several in a row counts for each; nothing of whose row it is is said."""
    person = customer(shop)
    for write in (_value, _purpose, _one_fact):
        write(shop, person)
    assert refusal(shop) == (
        "it drops words that stored rows use: data `shoe-size` (1 stored value),"
        " fact `fitted` (1 record), purpose `fitting` (1 record)"
    )


def test_what_is_owed_by_a_word_counts_while_it_is_open(shop: Gate) -> None:
    """A word for what is still to be done is in use, as is the fact by which it is owed."""
    shop.record(customer(shop), "call")
    assert refusal(shop) == (
        "it drops words that stored rows use: action `call-back` (1 open obligation),"
        " fact `called` (1 record)"
    )


def test_a_row_that_is_written_after_the_approval_counts(shop: Gate) -> None:
    """It is looked at in the transaction of posting, with what was written before in that one."""
    base, new = shop.policy, version("2")
    person = customer(shop)
    approved = ApprovedVersion(
        digest=new.digest,
        base=base.digest,
        widens=False,
        drafted_by=UserId("one"),
        approved_by=UserId("other"),
    )
    with shop.together() as transaction:
        transaction.editions.keep(new)
        transaction.editions.require_words(new)
        transaction.record(person, "measurement")
        with pytest.raises(EditionError) as caught:
            transaction.editions.post(approved, actor="staff one")
    assert caught.value.code == "version-words"
    with shop.together() as transaction, pytest.raises(EditionError):
        transaction.editions.post(approved, actor="staff one")
    shop.refresh()
    assert shop.policy.digest == base.digest


def test_a_draft_is_refused_at_each_step(shop: Gate) -> None:
    """Nobody drafts, approves, announces or posts what drops a word in use."""
    person, new = customer(shop), version("2", _later(shop))
    comparison = compare(shop.policy, new)
    with shop.together() as transaction:
        one, other = (_counsel(transaction, name) for name in ("one", "other"))
        draft = drafts.draft(transaction, new, comparison, one)
        drafts.drop(transaction, draft.draft_id, one)
        draft = drafts.draft(transaction, new, comparison, one)
    _refused(shop, person, lambda t: drafts.approve(t, draft.draft_id, other))
    with shop.together() as transaction:
        drafts.approve(transaction, draft.draft_id, other)
    _refused(shop, person, lambda t: drafts.post(t, draft.draft_id, one))
    with shop.together() as transaction:
        drafts.drop(transaction, draft.draft_id, one)
    _refused(shop, person, lambda t: drafts.draft(t, new, comparison, one))


def _later(gate: Gate) -> tuple[str, str]:
    day = gate.clock.today() + timedelta(days=40)
    return "policy: Privacy", f"effective: {day}\npolicy: Privacy"


def _counsel(transaction: GateTransaction, name: str) -> UserId:
    user = operators.add_user(transaction.tables, "staff", name, name, roles=[drafts.COUNSEL])
    operators.change_state(transaction.tables, user.user_id, operators.ACTIVE)
    return user.user_id


def _refused(gate: Gate, person: PersonId, step: Callable[[GateTransaction], object]) -> None:
    """Take a step in a transaction in which the words came into use, and which is undone."""
    with pytest.raises(EditionError) as caught, gate.together() as transaction:
        transaction.record(person, "measurement")
        step(transaction)
    assert caught.value.code == "version-words"
