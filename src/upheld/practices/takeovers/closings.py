"""Closings of takeovers: opened with what was signed, approved by a second person, or refused.

Nothing goes to anybody in a negotiation: until a closing is approved and in effect no record says
that it covers somebody, and the policy refuses each transfer. One who opens it does not approve it.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from hashlib import sha256
from typing import Any, Final

import msgspec

from upheld.core.ids import ClosingId, PersonId, UserId
from upheld.database.columns import microseconds
from upheld.database.own_tables import Tables, to_datetime
from upheld.gate.transaction import Transaction
from upheld.practice import operators, parties, party_keys
from upheld.practice.operators import User
from upheld.practice.plugin import Provider
from upheld.practices.takeovers.closing import (
    APPROVED,
    ENDED,
    MOVING,
    OPEN,
    REFUSED,
    Closing,
    ClosingTerms,
    TakeoverError,
    check_terms,
)
from upheld.practices.takeovers.tables import takeover, takeover_account, takeover_document
from upheld.web import once

ROLES: Final = ("counsel", "legal")
NAMED, COVERED, LEFT = "named", "covered", "left"  # of an account; the last stays here
_MARK_LASTS: Final = timedelta(days=1)  # longer than two who change it at once can take
_ONE: Final = "closing_id = ?"
_TIMES: Final = frozenset({"effective", "opened", "settled", "ended"})


class _Sealed(msgspec.Struct, frozen=True):
    """What of a closing is sealed, since it may name people."""

    reference: str
    document: str  # the SHA-256 of it


class Closings:
    """The closings of a running provider."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self._sealer = provider.sealer("takeover")

    def all(self, tables: Tables) -> list[Closing]:
        """Every closing, the latest first; those whose rows were changed are left out."""
        rows, _ = tables.select_intact(takeover, "ORDER BY opened DESC, closing_id")
        return [self._from_row(each) for each in rows]

    def find(self, tables: Tables, closing_id: ClosingId) -> Closing | None:
        """The closing with an id; None where there is none."""
        row = tables.get(takeover, _ONE, closing_id)
        return None if row is None else self._from_row(row)

    def require(self, tables: Tables, closing_id: ClosingId) -> Closing:
        """The closing with an id; TakeoverError where there is none."""
        closing = self.find(tables, closing_id)
        if closing is None:
            raise TakeoverError(
                "there is no such closing",
                code="takeover",
                hint="`upheld takeover list` has all of them",
            )
        return closing

    def schedule(self, tables: Tables, closing_id: ClosingId) -> list[tuple[str, str]]:
        """The accounts that a schedule names and that are still here, each with its state."""
        rows = tables.select(takeover_account, _ONE, closing_id)
        return sorted(
            (
                self._sealer.unseal(each.sealed, each.person_id, closing_id).decode(),
                each.state,
            )
            for each in rows
        )

    def document(self, tables: Tables, closing_id: ClosingId) -> bytes:
        """What was signed, as it came in; empty where there is none."""
        row = tables.get(takeover_document, _ONE, closing_id)
        return b"" if row is None else self._sealer.unseal(row.sealed, "document", closing_id)

    def open(
        self, transaction: Transaction, terms: ClosingTerms, document: bytes, by: UserId
    ) -> Closing:
        """Open a closing with what was signed; it does nothing before a second person approves it.

        TakeoverError where it does not say all that it must, and for accounts that are nobody's.
        """
        user = require_role(transaction.tables, by)
        check_terms(transaction.policy, terms, document)
        party = self._successor(transaction, terms.successor)
        whom = self._whom(transaction, terms.accounts, user)
        closing_id = ClosingId(secrets.token_hex(16))
        body = _Sealed(terms.reference.strip(), sha256(document).hexdigest())
        transaction.tables.insert(
            takeover,
            closing_id=closing_id,
            turn=0,
            state=OPEN,
            kind=terms.kind,
            party=party,
            covers=terms.covers,
            effective=microseconds(terms.effective),
            opened=microseconds(transaction.clock.now()),
            opened_by=user.user_id,
            settled_by="",
            ended_by="",
            accounts=len(whom),
            handed=0,
            digest="",
            sealed=self._sealer.seal(msgspec.json.encode(body), closing_id),
        )
        transaction.tables.insert(
            takeover_document,
            closing_id=closing_id,
            sealed=self._sealer.seal(document, "document", closing_id),
        )
        for person_id, account in whom.items():
            account_row = self.new_account(closing_id, person_id, account)
            transaction.tables.insert(takeover_account, **account_row)
        note(transaction, "takeover.open", closing_id, user.user_id)
        return self.require(transaction.tables, closing_id)

    def new_account(
        self, closing_id: ClosingId, person_id: PersonId, account: str = ""
    ) -> dict[str, Any]:
        """The row that a closing names somebody; what proves it comes once it is in effect."""
        return {
            "person_id": person_id,
            "closing_id": closing_id,
            "state": NAMED,
            "notice": "",
            "sealed": self._sealer.seal(account.encode(), person_id, closing_id),
        }

    def approve(self, transaction: Transaction, closing_id: ClosingId, by: UserId) -> Closing:
        """Approve a closing as the second person: from its day on it is carried out.

        TakeoverError for whoever opened it, and while the successor has no key to encrypt to.
        """
        closing, user = self._require_next(transaction, closing_id, by, OPEN)
        if user.user_id == closing.opened_by:
            raise TakeoverError(
                "whoever opened a closing does not approve it",
                code="takeover-second-person",
                hint="let somebody else who is counsel or legal officer do it",
            )
        self._successor(transaction, closing.party)
        if not party_keys.find(transaction.tables, closing.party):
            raise TakeoverError(
                "the successor has no public key, and no account leaves without being encrypted",
                code="takeover-party",
                hint="`upheld party key` keeps the one that it made with `age-keygen`",
            )
        at = microseconds(transaction.clock.now())
        changes = {"state": APPROVED, "settled": at, "settled_by": user.user_id}
        return self.change(transaction, closing, "takeover.approve", user.user_id, changes)

    def refuse(self, transaction: Transaction, closing_id: ClosingId, by: UserId) -> Closing:
        """Refuse a closing that nobody has approved: nothing goes to anybody."""
        closing, user = self._require_next(transaction, closing_id, by, OPEN)
        at = microseconds(transaction.clock.now())
        changes = {"state": REFUSED, "settled": at, "settled_by": user.user_id}
        return self.change(transaction, closing, "takeover.refuse", user.user_id, changes)

    def end(self, transaction: Transaction, closing_id: ClosingId, by: UserId) -> Closing:
        """End an approved closing, as when it is rescinded: what has not gone does not go.

        What has gone can still be handed over.
        """
        closing, user = self._require_next(transaction, closing_id, by, APPROVED, MOVING)
        rows = transaction.tables.select(
            takeover_account, f"{_ONE} AND state = ? ORDER BY person_id", closing_id, COVERED
        )
        covering = {PersonId(each.person_id): each.record_id for each in rows}
        transaction.withdraw_each(covering, ended=True, actor=f"staff {user.user_id}")
        for state in (NAMED, COVERED):
            whose = f"{_ONE} AND state = ?"
            transaction.tables.update(takeover_account, {"state": LEFT}, whose, closing_id, state)
        at = microseconds(transaction.clock.now())
        changes = {"state": ENDED, "ended": at, "ended_by": user.user_id}
        return self.change(transaction, closing, "takeover.end", user.user_id, changes)

    def change(
        self,
        transaction: Transaction,
        closing: Closing,
        kind: str,
        by: UserId,
        changes: dict[str, Any],
    ) -> Closing:
        """Take the next turn of a closing: of several who try it at once, one does."""
        until = transaction.clock.now() + _MARK_LASTS
        if not once.spend(
            transaction.tables, "takeover", f"{closing.closing_id} {closing.turn}", until
        ):
            raise _too_late("somebody else has just changed this closing")
        changes = {**changes, "turn": closing.turn + 1}
        transaction.tables.update(takeover, changes, _ONE, closing.closing_id)
        note(transaction, kind, closing.closing_id, by)
        return self.require(transaction.tables, closing.closing_id)

    def _require_next(
        self, transaction: Transaction, closing_id: ClosingId, by: UserId, *states: str
    ) -> tuple[Closing, User]:
        """A closing and whoever takes a step of it; TakeoverError for an account of their own."""
        user = require_role(transaction.tables, by)
        closing = self.require(transaction.tables, closing_id)
        if closing.accounts and closing.state == OPEN:
            for each in transaction.tables.select(takeover_account, _ONE, closing_id):
                if operators.is_left_to_others(transaction.tables, user.user_id, each.person_id):
                    raise _own_account()
        if closing.state not in states:
            raise _too_late(f"this closing is {closing.state}")
        return closing, user

    @staticmethod
    def _successor(transaction: Transaction, which: str) -> str:
        """The word of the company that takes over; TakeoverError unless the register says so."""
        word = parties.word_of(transaction, which)
        now = transaction.clock.now()
        if not any(
            each.role == parties.SUCCESSOR and (each.until is None or each.until > now)
            for each in parties.of_party(transaction, word)
        ):
            raise TakeoverError(
                "the register has no successor of this name",
                code="takeover-party",
                hint="put the company on it as successor, from the day on which it takes over",
                field="successor",
            )
        return word

    def _whom(
        self, transaction: Transaction, accounts: tuple[str, ...], user: User
    ) -> dict[PersonId, str]:
        """The customers of the accounts of a schedule; TakeoverError for nobody's."""
        whom: dict[PersonId, str] = {}
        for account in accounts:
            matches = self.provider.find_people(transaction, "account", account)
            if len(matches) != 1:
                raise TakeoverError(
                    "something on the schedule is no account number of a customer",
                    code="takeover-accounts",
                    hint="compare it with what was signed; a list of addresses is no sale of"
                    " accounts, and the policy lets none be transferred",
                    field="accounts",
                )
            if operators.is_left_to_others(transaction.tables, user.user_id, matches[0]):
                raise _own_account()
            whom.setdefault(matches[0], account)
        return whom

    def _from_row(self, row: Any) -> Closing:
        raw = self._sealer.unseal(row.sealed, row.closing_id)
        values: dict[str, Any] = msgspec.structs.asdict(msgspec.json.decode(raw, type=_Sealed))
        for name in Closing._fields:
            if name not in values:
                value = getattr(row, name)
                is_moment = name in _TIMES and value is not None
                values[name] = to_datetime(value) if is_moment else value
        return Closing(**values)


def require_role(tables: Tables, user_id: UserId) -> User:
    """Whoever works on takeovers; TakeoverError for anybody else."""
    user = operators.find_active_user(tables, user_id)
    if user is None or user.kind != "staff" or not {*ROLES} & {*user.roles}:
        raise TakeoverError(
            "takeovers are for counsel and legal officers",
            code="takeover-role",
            hint=f"ask somebody with the role {' or '.join(ROLES)}",
        )
    return user


def note(transaction: Transaction, kind: str, closing_id: ClosingId, by: UserId) -> None:
    """Add an entry of what was done: it names the closing, and nobody whom it is about."""
    actor = f"staff {by}" if by else "provider"
    transaction.note(None, kind, actor=actor, evidence=(closing_id,))


def _too_late(what: str) -> TakeoverError:
    return TakeoverError(
        what,
        code="takeover-state",
        hint="look at it once more: somebody else may have been first",
    )


def _own_account() -> TakeoverError:
    return TakeoverError(
        "your own account, or a relative's, is on the schedule",
        code="takeover-own",
        hint="let somebody else do it",
        field="accounts",
    )
