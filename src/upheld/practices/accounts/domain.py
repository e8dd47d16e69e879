"""An account: opened when somebody signs up, verified by a message, closed when they leave."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from upheld.core.ids import PersonId
from upheld.database.columns import microseconds
from upheld.database.own_tables import Tables, to_datetime
from upheld.gate.act.request import Act, Refused
from upheld.gate.evidence.derived_fields import SourceFields
from upheld.gate.evidence.provers import Proof, ProofQuestion
from upheld.gate.transaction import Transaction
from upheld.practice import terms
from upheld.practice.events import PAYER_CHANGES
from upheld.practice.plugin import Provider
from upheld.practice.tables import outbox
from upheld.practices.accounts.tables import account as table

ACTIVE: Final = "active"
UNVERIFIED: Final = "unverified"
CLOSED: Final = "closed"
MEMBERS_MAX: Final = 8  # in a household, beside its holder
NOBODY: Final = "nobody"  # what no form takes for an address
CONFIRM: Final = "accounts/verify"  # the message that asks somebody new to confirm their address
WELCOME: Final = "accounts/welcome-back"  # to a customer who was taken in, how they get in
_OF_PERSON: Final = "person_id = ?"


class Account(NamedTuple):
    """An account as it stands."""

    person_id: PersonId
    number: str
    state: str
    holder: PersonId
    opened: datetime
    verified: datetime | None
    closed: datetime | None
    policy_digest: str
    agreement_digest: str

    @classmethod
    def of(cls, row: Sequence[Any]) -> Account:
        """An account by its row, which was checked."""
        person_id, number, state, holder, opened, verified, closed, policy, agreement = row
        return cls(
            person_id,
            number,
            state,
            holder,
            to_datetime(opened),
            None if verified is None else to_datetime(verified),
            None if closed is None else to_datetime(closed),
            policy,
            agreement,
        )


def account_of(tables: Tables, person_id: PersonId) -> Account | None:
    """A person's account."""
    row = tables.get(table, _OF_PERSON, person_id)
    return None if row is None else Account.of(row)


def prove_standing(question: ProofQuestion) -> Proof:
    """The prover of somebody's standing, from the account that they have or had.

    Who has none only visits; who has not confirmed their address applies; who is a member of
    another's household, who pays, uses the services.
    """
    account = account_of(question.tables, question.person_id)
    if account is None:
        return Proof("visitor")
    by_state = {UNVERIFIED: "applicant", CLOSED: "former-customer"}
    member = "end-user" if account.holder != account.person_id else "customer"
    standing = by_state.get(account.state, member)
    return Proof(standing if standing in question.fact.words else None, (account.number,))


def number_of(tables: Tables, person_id: PersonId) -> str | None:
    """The number of somebody's account; None where they have none."""
    account = account_of(tables, person_id)
    return None if account is None else account.number


def number_in_act(reading: SourceFields) -> str | None:
    """The account number of the person whom an act is about."""
    return number_of(reading.tables, reading.person_id)


def payer_of(tables: Tables, person_id: PersonId) -> PersonId | None:
    """Who pays for what a person uses: the holder of their account."""
    account = account_of(tables, person_id)
    return None if account is None else account.holder


def find_by_number(transaction: Transaction, number: str) -> list[PersonId]:
    """The ids of whoever has the account of this number: one, or none."""
    row = transaction.tables.get(table, "number = ?", number)
    return [row.person_id] if row else []


def open_account(
    transaction: Transaction,
    person_id: PersonId,
    *,
    agreement_digest: str,
    holder: PersonId | None = None,
) -> Account:
    """Open the account of somebody who accepted the policy in force and the agreement."""
    at = transaction.clock.now()
    number = _number(transaction.tables)
    policy = transaction.policy.digest
    transaction.tables.insert(
        table,
        person_id=person_id,
        number=number,
        state=UNVERIFIED,
        holder=holder or person_id,
        opened=microseconds(at),
        policy_digest=policy,
        agreement_digest=agreement_digest,
    )
    return Account(
        person_id, number, UNVERIFIED, holder or person_id, at, None, None, policy, agreement_digest
    )


def _number(tables: Tables) -> str:
    """A number that says nothing and is nobody's yet."""
    while True:
        number = f"{secrets.randbelow(90_000_000) + 10_000_000}"
        if not tables.select_unchecked(table, ["person_id"], "number = ?", number):
            return number


def person_at_address(transaction: Transaction, email: str) -> PersonId | None:
    """The id of whoever has a confirmed account with this address; None if nobody has."""
    for person_id in transaction.find("email", email):
        account = account_of(transaction.tables, person_id)
        if account is not None and account.state == ACTIVE:
            return person_id
    return None


def imported_person(transaction: Transaction, email: str) -> PersonId | None:
    """The id of whoever was imported with this address and has no account; None if nobody."""
    for person_id in transaction.find("email", email):
        if account_of(transaction.tables, person_id) is None and any(
            line.entry.kind == "import" for line in transaction.entries(person_id)
        ):
            return person_id
    return None


def placeholder_person(transaction: Transaction) -> PersonId:
    """The id of a person with no data, so that a try for an unknown address does the same work.

    They are found by the word `nobody` in place of an address, and created on first use.
    """
    people = transaction.find("email", NOBODY)
    if people:
        return people[0]
    person_id = transaction.enrol()
    transaction.let_find(person_id, "email", NOBODY)
    return person_id


def is_alone_at_address(transaction: Transaction, person_id: PersonId) -> bool:
    """Whether nobody else's confirmed account has the address of somebody's account."""
    result = transaction.act(Act(action="use", data=("email",), purpose="security"), person_id)
    if isinstance(result, Refused) or "email" not in result.values:
        return False
    email = result["email"]
    return person_at_address(transaction, email) in (None, person_id) and not imported_person(
        transaction, email
    )


def accept(transaction: Transaction, person_id: PersonId, agreement_digest: str) -> None:
    """Note that somebody accepted the policy in force and the agreement, as they were shown."""
    policy = transaction.policy.digest
    changes = {"policy_digest": policy, "agreement_digest": agreement_digest}
    transaction.tables.update(table, changes, _OF_PERSON, person_id)
    terms.accept(transaction, person_id, agreement_digest)


def require_acceptance(transaction: Transaction, person_id: PersonId) -> None:
    """Make somebody the holder of their own account; they accept the terms at the next sign-in."""
    changes = {"holder": person_id, "policy_digest": "", "agreement_digest": ""}
    transaction.tables.update(table, changes, _OF_PERSON, person_id)


def members(tables: Tables, holder: PersonId) -> list[Account]:
    """The accounts that somebody pays for beside their own, in the order in which they came.

    One that somebody else wrote, or changed, is nobody's to pay for.
    """
    where = "holder = ? AND person_id <> ? ORDER BY opened"
    rows, _ = tables.select_intact(table, where, holder, holder)
    return [Account.of(each) for each in rows]


def release_members(provider: Provider, transaction: Transaction, holder: PersonId) -> None:
    """Bill what members used so far to a holder who is to be erased; then each pays alone."""
    for each in members(transaction.tables, holder):
        provider.events.announce(transaction, PAYER_CHANGES, each.person_id)


def has_place(transaction: Transaction, holder: PersonId) -> bool:
    """Whether a household has room for one more; locks its holder until the transaction ends."""
    transaction.lock(holder)
    account = account_of(transaction.tables, holder)
    if account is None or account.holder != holder or account.closed is not None:
        return False
    return len(members(transaction.tables, holder)) < MEMBERS_MAX


def set_holder(
    provider: Provider,
    transaction: Transaction,
    person_id: PersonId,
    holder: PersonId,
    *,
    by: str = "",
) -> None:
    """Make `holder` pay for a person's account from now on, with an entry for each concerned.

    `by` is the id of whoever did it, whose entry names the customer as its actor.
    """
    before = account_of(transaction.tables, person_id)
    if before is not None and before.holder != holder:
        provider.events.announce(transaction, PAYER_CHANGES, person_id)
    transaction.tables.update(table, {"holder": holder}, _OF_PERSON, person_id)
    for each in {person_id, holder, before.holder if before else holder}:
        transaction.note(
            each,
            "household",
            action="join" if holder != person_id else "leave",
            actor="customer" if each == by else "",
        )


def unconfirmed_people(
    tables: Tables, before: datetime, most: int, after: str = ""
) -> list[PersonId]:
    """The ids of people whose account was opened before a moment and never confirmed.

    At most `most` of them, in order, after the id `after`. Those to whom the message that asks
    them to confirm was not sent before that moment are left out: they could not confirm.
    """
    where = (
        "state = ? AND opened < ? AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.person_id ="
        " account.person_id AND o.template = ? AND (o.state = 'waiting' OR o.ended >= ?))"
        " AND person_id > ? ORDER BY person_id"
    )
    at = microseconds(before)
    rows, _ = tables.select_intact(table, where, UNVERIFIED, at, CONFIRM, at, after)
    some = [each.person_id for each in rows]
    hidden = tables.altered_owners(outbox, some)  # of whom a message may be taken away
    return [each for each in some if each not in hidden][:most]


def verify(transaction: Transaction, person_id: PersonId) -> None:
    """Note that the e-mail address was confirmed."""
    changes = {"state": ACTIVE, "verified": microseconds(transaction.clock.now())}
    transaction.tables.update(table, changes, f"{_OF_PERSON} AND state = ?", person_id, UNVERIFIED)


def close(transaction: Transaction, person_id: PersonId, _: str = "") -> None:
    """Note that an account was closed; its person can still sign in, to see and to pay."""
    changes = {"closed": microseconds(transaction.clock.now())}
    transaction.tables.update(table, changes, f"{_OF_PERSON} AND closed IS NULL", person_id)


def check_may_serve(transaction: Transaction, person_id: PersonId) -> str | Refused:
    """Empty if the policy lets us serve a person now, else the refusal."""
    result = transaction.act(Act(action="serve"), person_id, entitled=True)
    return result if isinstance(result, Refused) else ""
