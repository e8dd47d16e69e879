"""The release of what an instrument demands: to exactly its reach, decided by the policy.

Each person's release is an act with its entry; what leaves is built in the same transaction, so
that nothing leaves without one. It can be repeated within the term, each time as a further act,
once the file of the last one is delivered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import wraps
from typing import Any, Final, NamedTuple, ParamSpec, TypeVar

from upheld.core.ids import InstrumentId, PersonId, UserId
from upheld.database.columns import microseconds
from upheld.database.own_tables import to_datetime
from upheld.gate.act.duties import DutyContext
from upheld.gate.act.request import Act, ActResult, Refused, planned
from upheld.gate.public import SealError, Value
from upheld.gate.transaction import Transaction
from upheld.policy.load import Policy
from upheld.policy.request import Duty
from upheld.practice import operators
from upheld.practice.operators import User
from upheld.practice.own_rows import rows_of
from upheld.practices.legal import reviews
from upheld.practices.legal.custody import Custody
from upheld.practices.legal.demands import LegalError
from upheld.practices.legal.instrument import (
    APPROVED,
    DEMANDED,
    NAMED,
    RELEASED,
    RELEASING,
    SILENT,
    Instrument,
    change_person,
)
from upheld.practices.legal.instruments import Instruments
from upheld.practices.legal.preserved import nobody, reach_again
from upheld.practices.legal.production import Production, ReleasedPerson, build
from upheld.practices.legal.reach import NamedPeople
from upheld.practices.legal.staff import note, own_account
from upheld.practices.legal.tables import legal_reach

DEMANDED_ONLY: Final = "only-what-is-demanded"
NOTICE: Final = "notice-to-customer"
SECOND: Final = "second-person"
OWED: Final = "owed"  # of a notice
P = ParamSpec("P")
R = TypeVar("R")
BEYOND: Final = "legal.beyond"  # the kind of an entry: somebody was asked for who is not named


class Target(NamedTuple):
    """Somebody of whom something is released, by the account under which they were named."""

    person_id: PersonId
    account: str
    is_named: bool = True  # or somebody of whom it was asked in vain


def _naming_what_is_damaged(work: Callable[P, R]) -> Callable[P, R]:
    """Let a step be refused where a current value does not open, with what can be done."""

    @wraps(work)
    def step(*words: P.args, **named: P.kwargs) -> R:
        try:
            return work(*words, **named)
        except SealError as error:
            raise LegalError(
                f"{error.what} was changed in the database and does not open",
                code="legal-unreadable",
                hint="put the row back from a backup, or release the other kinds of data or"
                " accounts alone: `upheld legal release --field`, `--account`",
            ) from None

    return step


class Releases:
    """What is released under the instruments of a running provider."""

    def __init__(self, instruments: Instruments) -> None:
        self.instruments, self.custody = instruments, Custody(instruments)

    @_naming_what_is_damaged
    def release(
        self,
        transaction: Transaction,
        instrument_id: InstrumentId,
        by: UserId,
        *,
        accounts: Sequence[str] = (),
        fields: Sequence[str] = (),
    ) -> Production | Refused:
        """Release what an instrument demands, or of it some accounts and fields alone.

        The policy decides, for each person: where it refuses one, nothing leaves. LegalError where
        there is nothing to release, or what was released last is not delivered yet.
        """
        transaction = transaction.reaching_apart()
        instrument, user = self.instruments.lock(transaction, instrument_id, by)
        self.custody.require_none(transaction.tables, instrument_id)
        _require_releasable(instrument)
        changed = reach_again(self.instruments, transaction, instrument, user)
        reach = self.instruments.reach(transaction.tables, instrument_id)
        reach = reach._replace(changed=[*reach.changed, *changed])
        targets = self._targets(transaction, reach, accounts, user.user_id)
        act = act_of(instrument, tuple(fields) or instrument.fields)
        for each in targets:
            decision = transaction.peek(each.person_id, act)
            if decision.allowed:
                continue
            if not each.is_named and instrument.is_silent(transaction.clock.now()):
                entry = note(transaction, BEYOND, instrument_id, user)  # and not about them
                return Refused(entry, decision, decision.code)
            outcome = transaction.act(act, each.person_id, entitled=True)
            if isinstance(outcome, Refused):
                return outcome
        released = _once(
            [self._release_one(transaction, instrument, act, each, user) for each in targets]
        )
        now = transaction.clock.now()
        production = build(
            instrument,
            released,
            transaction.policy,
            transaction.clock.local(now),
            user.name,
            missing=() if accounts else _missing(reach),
        )
        changes = {
            "releases": instrument.releases + 1,
            "released": microseconds(now),
            "digest": production.digest,
            "reviewed": None,
            "reviewed_by": None,
            **self.instruments.seal_again(
                instrument,
                unreadable=production.unreadable,
                missing=production.missing,
                **reviews.reopened(instrument, user),
            ),
        }
        self.instruments.change(transaction, instrument, "legal.release", user, changes)
        self.custody.keep(
            transaction, instrument, production, act.data, [each.person_id for each in targets]
        )
        return production

    @_naming_what_is_damaged
    def release_again(
        self, transaction: Transaction, instrument_id: InstrumentId, by: UserId
    ) -> Production | Refused:
        """What was released last and is not delivered: the same file, by no further release.

        The policy decides once more, as it does whenever something leaves. LegalError where nothing
        waits, and where somebody in it was erased since.
        """
        transaction = transaction.reaching_apart()
        instrument, _ = self.instruments.lock(transaction, instrument_id, by)
        last = self.custody.require(transaction, instrument)
        act = act_of(instrument, last.fields)
        for each in last.people:
            if not transaction.peek(each, act).allowed:
                outcome = transaction.act(act, each, entitled=True)
                if isinstance(outcome, Refused):
                    return outcome
        return last.production

    def only_what_is_demanded(self, duty: DutyContext, _: Duty) -> None:
        """Carry out the duty of that name: LegalError unless the legal desk releases just this."""
        instrument = self._releasing(duty)
        if not {*duty.act.data} <= {*instrument.fields}:
            raise _beyond()

    def notice_to_customer(self, duty: DutyContext, _: Duty) -> None:
        """Carry out the duty of that name: a notice is owed from now on."""
        instrument = self._releasing(duty)
        changes = {"notice": OWED, "notice_from": microseconds(duty.at)}
        change_person(duty.tables, duty.person_id, instrument.instrument_id, changes)

    def second_person(self, duty: DutyContext, _: Duty) -> None:
        """Carry out the duty of that name: LegalError unless two people agreed to this release."""
        instrument = self._releasing(duty)
        if instrument.settled_by in ("", instrument.opened_by):
            raise LegalError(
                "a second officer has not agreed",
                code="legal-second-person",
                hint="let somebody else of the legal desk approve it",
            )

    def _releasing(self, duty: DutyContext) -> Instrument:
        """The instrument under which the desk releases in this very transaction."""
        where = "person_id = ? AND state = ?"
        row = duty.tables.get(legal_reach, where, duty.person_id, RELEASING)
        instrument = row and self.instruments.find(duty.tables, row.instrument_id)
        act = duty.act
        if instrument is None or (act.party, act.recipient, act.purpose) != (
            instrument.party,
            instrument.recipient,
            instrument.purpose,
        ):
            raise _beyond()
        return instrument

    def _targets(
        self,
        transaction: Transaction,
        reach: NamedPeople,
        accounts: Sequence[str],
        user_id: UserId,
    ) -> list[Target]:
        """Whom a release is about: all who are named, or the customers of some accounts.

        An account that is not named is asked about like any other, and the policy refuses it; while
        the instrument forbids to tell, no entry of that is about its customer. LegalError for one
        whose row was changed.
        """
        its = {each.person_id for each in reach.people}
        doubtful = {each.person_id for each in reach.changed}
        if not accounts:
            targets = [
                Target(each.person_id, each.account) for each in reach.people if each.state != NAMED
            ]
        else:
            targets = []
            for account, people in self.instruments.find_accounts(transaction, accounts).items():
                for each in people:
                    if operators.is_left_to_others(transaction.tables, user_id, each):
                        raise own_account()
                    if each in doubtful:
                        raise _changed()
                    targets.append(Target(each, account, each in its))
        if not targets and _missing(reach):
            raise _changed()
        if not targets:
            raise nobody()
        return targets

    def _release_one(
        self,
        transaction: Transaction,
        instrument: Instrument,
        act: Act,
        target: Target,
        user: User,
    ) -> ReleasedPerson:
        tables, whose = transaction.tables, (target.person_id, instrument.instrument_id)
        change_person(tables, *whose, {"state": RELEASING})
        outcome = transaction.act(act, target.person_id, entitled=True)
        if isinstance(outcome, Refused):  # it was allowed a moment ago, in this transaction
            raise outcome
        changes: dict[str, Any] = {"state": RELEASED, "entry": outcome.entry}
        owed = {each.duty for each in outcome.decision.duties}
        silence = instrument.silence_end
        if NOTICE not in owed and silence is not None and _owes_notice(transaction.policy, act):
            changes |= {"notice": OWED, "notice_from": microseconds(silence)}
        change_person(tables, *whose, changes)
        if instrument.is_emergency:
            reviews.owe(transaction, instrument.instrument_id, target.person_id, user)
        return self._within(transaction, target, outcome, act.data, instrument)

    def _within(
        self,
        transaction: Transaction,
        target: Target,
        result: ActResult,
        fields: Sequence[str],
        instrument: Instrument,
    ) -> ReleasedPerson:
        """The values of a release by field, with when each came in: rows of the period alone.

        What practices keep of a field in tables of their own is among its rows, and what stood in
        it before, where a hold preserves that: what was current at some time of the period. Of
        which of that does not open, it is told that there is something.
        """
        person_id = target.person_id
        shapes = transaction.held_fields(person_id)
        former = transaction.former_on_hold(person_id, fields)
        practices = self.instruments.provider.practices
        values = {}
        for field in fields:
            rows, own = result.series(field), rows_of(practices, transaction, person_id, field)
            if shapes.get(field) == "series":
                rows = tuple(each for each in rows if is_within(each.at, instrument))
            rows = (*_current_within(former.by_field.get(field, ()), instrument), *rows)
            some = [(to_datetime(each.stored_at), each.value) for each in rows]
            some += [each for each in own if is_within(each[0], instrument)]
            if some or field in result.values:
                values[field] = tuple(some)
        damaged = tuple(each for each in fields if each in former.damaged)
        return ReleasedPerson(target.account, result.entry, values, damaged)


def act_of(instrument: Instrument, fields: tuple[str, ...]) -> Act:
    """The act by which something is released under an instrument."""
    return Act(
        action="share",
        data=fields,
        recipient=instrument.recipient,
        party=instrument.party,
        purpose=instrument.purpose,
        occasion="other",
    )


def _once(people: Sequence[ReleasedPerson]) -> list[ReleasedPerson]:
    """What is released, without what is kept apart of an account and stands in it as well."""
    there: dict[tuple[str, str], Counter[tuple[datetime, str]]] = {}
    result = []
    for person in people:
        values = {}
        for field, its in person.values.items():
            before = there.setdefault((person.account, field), Counter())
            earlier, new = before.copy(), list[tuple[datetime, str]]()
            for each in its:
                if earlier[each] > 0:
                    earlier[each] -= 1
                else:
                    new.append(each)
            if new or not before:
                values[field] = tuple(new)
            before.update(new)
        result.append(person._replace(values=values))
    return result


def _owes_notice(policy: Policy, act: Act) -> bool:
    """Whether the policy would have us tell the customer if the order did not forbid it."""
    covered = {"data": list(act.data), "recipient": [act.recipient], "holds": True}
    decision = planned(policy, act).decide({DEMANDED: [covered], SILENT: False})
    return NOTICE in {each.duty for each in decision.duties}


def is_within(at: datetime, instrument: Instrument) -> bool:
    """Whether what came in at a moment is of the period that an instrument demands."""
    start, end = instrument.period_start, instrument.period_end
    return (start is None or at >= start) and (end is None or at < end)


def _current_within(
    former: Sequence[tuple[Value, datetime]], instrument: Instrument
) -> list[Value]:
    """The former revisions of a field that stood there in the period that is demanded."""
    start, end = instrument.period_start, instrument.period_end
    return [
        each
        for each, until in former
        if (start is None or until > start) and (end is None or each.at < end)
    ]


def _require_releasable(instrument: Instrument) -> None:
    """LegalError unless an instrument is one that releases, approved, and whose file has a key."""
    if not instrument.is_released or instrument.state != APPROVED:
        raise LegalError(
            f"nothing is released under what is {instrument.kind}, {instrument.state}",
            code="legal-state",
            hint="counsel checks an instrument first, and a second person approves it",
        )
    if not instrument.key:
        raise LegalError(
            "nobody has entered the public key of whoever receives it, and nothing leaves"
            " without being encrypted",
            code="legal-key",
            hint="counsel enters it: it begins with `age1`, and they make one with `age-keygen`",
        )


def _missing(reach: NamedPeople) -> tuple[str, ...]:
    """The accounts of which nothing is released, since their rows were changed.

    Or were when it was approved: then it proves nothing of them.
    """
    unproved = [each.account for each in reach.people if each.state == NAMED]
    return tuple(sorted([*unproved, *(each.account for each in reach.changed)]))


def _changed() -> LegalError:
    return LegalError(
        "what says that this instrument names an account was changed in the database",
        code="legal-unreadable",
        hint="put the row back from a backup (`upheld admin selfcheck` names it), or open another"
        " instrument; the other accounts can be released",
        field="accounts",
    )


def _beyond() -> LegalError:
    return LegalError(
        "nothing is released like this but by the legal desk, and within its instrument",
        code="legal-reach",
        hint="open an instrument, and let it be checked and approved",
    )
