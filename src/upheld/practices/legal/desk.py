"""The pages of the legal desk: every instrument with its state, and each step of one.

Nobody else sees any of it. The pages name accounts as the document does, and no other value of
anybody: what is demanded leaves the vault at a release alone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.responses import Response

from upheld.core.ids import InstrumentId, UserId
from upheld.database.own_tables import Tables
from upheld.gate.act.request import Refused
from upheld.gate.operations import watching
from upheld.gate.transaction import Transaction
from upheld.policy.english import word_list
from upheld.practice import operators
from upheld.practice.consequences import (
    Banner,
    Confirmation,
    redirect_with_banner,
    require_confirmation,
    short_reference,
)
from upheld.practice.documents import DOCUMENT_MAX, document_in, document_type
from upheld.practice.endpoints import Visit
from upheld.practice.labels import label_of_customers
from upheld.practice.operators import User
from upheld.practice.party_keys import PartyKeyError
from upheld.practice.plugin import PendingAction, Provider
from upheld.practice.reasons import refusal_page
from upheld.practices.legal.demands import INFORMAL, LegalError
from upheld.practices.legal.instrument import APPROVED, Instrument, NamedPerson
from upheld.practices.legal.instruments import Instruments
from upheld.practices.legal.production import Production
from upheld.practices.legal.questions import (
    DESK,
    DOCUMENT,
    FINDING,
    KEY,
    KIND_LABELS,
    REFUSAL,
    STATES,
    approval_confirmation,
    demand_fields,
    ending_confirmation,
    last_day,
    reach_lines,
    read_demand,
    refusal_confirmation,
    release_confirmation,
    term_line,
    waiting_line,
)
from upheld.practices.legal.reach import ChangedRow
from upheld.practices.legal.release import Releases
from upheld.practices.legal.staff import COUNSEL, ROLES
from upheld.web.forms import EMPTY, MISSING, Filled, read

_CHOSEN: Final = frozenset({"recipient", "ground"})  # fields whose words stand in a list
Step = Callable[[Transaction, InstrumentId, UserId], Instrument | Refused]


class InstrumentView(NamedTuple):
    """An instrument as its page has it: with the names of who did what."""

    instrument: Instrument
    people: list[NamedPerson]
    changed: list[ChangedRow]  # whom it may name as well: what says so was changed
    gone: int  # how many of the accounts are here no longer
    names: dict[UserId, str]
    is_undelivered: bool  # whether the file of its last release was given to nobody yet
    may_check: bool  # whether whoever looks is counsel
    may_set_key: bool  # whether they may say to whom it is encrypted
    may_approve: bool  # whether whoever looks has neither opened nor checked it
    may_review: bool  # whether they have neither made the determination nor released since
    term: str  # why nothing is released under it now, though it is approved; else empty


class LegalDesk:
    """The pages of the legal desk."""

    def __init__(self, provider: Provider, instruments: Instruments, releases: Releases) -> None:
        self.provider, self.instruments, self.releases = provider, instruments, releases

    async def show(self, visit: Visit, filled: Filled = EMPTY, status: int = 200) -> Response:
        """Every instrument, and the form for another."""
        _require_desk(visit)
        return self.provider.pages.page(
            visit.request,
            "legal/desk.html",
            status=status,
            instruments=await self.provider.read(self.instruments.all),
            waiting_apart=await self.provider.run_in_thread(
                watching.waiting_apart, self.provider.gate.gate
            ),
            reference=short_reference,
            now=self.provider.now(),
            last_day=partial(last_day, day_of=self.provider.clock.day_of),
            states=STATES,
            kinds=KIND_LABELS,
            fields=demand_fields(self.provider.policy),
            filled=filled,
            document_max=DOCUMENT_MAX,
            desk=DESK,
        )

    async def open(self, visit: Visit) -> Response:
        """Open an instrument that came in."""
        _require_desk(visit)
        filled = read(demand_fields(self.provider.policy), visit.form)
        if not filled.ok:
            return await self.show(visit, filled, 422)
        document = await document_in(visit.form, DOCUMENT)
        demand = read_demand(filled, self.provider.clock.zone)
        try:
            instrument = await self.provider.do(
                lambda transaction: self.instruments.open(
                    transaction, demand, document, visit.user_id
                )
            )
        except LegalError as error:
            # What a command is told to write is chosen from a list here.
            text = MISSING["select"] if error.field in _CHOSEN else error.in_sentences()
            return await self.show(visit, filled.wrong(error.field, text), 422)
        text = "Recorded, and refused." if instrument.kind == INFORMAL else "Opened."
        return self._banner(visit, instrument, text)

    async def show_one(
        self, visit: Visit, problem: str = "", status: int = 200, filled: Filled = EMPTY
    ) -> Response:
        """One instrument: what it reaches, who did what, and what can be done next."""
        _require_desk(visit)

        def look(tables: Tables) -> InstrumentView:
            instrument = self._require(tables, visit)
            staff = (
                instrument.opened_by,
                instrument.checked_by,
                instrument.settled_by,
                instrument.ended_by,
                *(each.by for each in instrument.reviews),
            )
            names = {each: _name(tables, each) for each in staff if each}
            reach = self.instruments.reach(tables, instrument.instrument_id)
            waits = self.releases.custody.waits(tables, instrument.instrument_id)
            is_counsel = visit.user is not None and COUNSEL in visit.user.roles
            return InstrumentView(
                instrument,
                reach.people,
                reach.changed,
                max(instrument.persons - reach.account_count, 0),
                names,
                waits,
                may_check=is_counsel,
                may_set_key=is_counsel or instrument.is_emergency,
                may_approve=instrument.may_be_approved_by(visit.user_id),
                may_review=instrument.may_be_reviewed_by(visit.user_id),
                term=term_line(instrument, self.provider.now(), self.provider.clock.day_of),
            )

        view = await self.provider.read(look)
        return self.provider.pages.page(
            visit.request,
            "legal/one.html",
            status=status,
            view=view,
            lines=reach_lines(self.provider.policy, view.instrument, self.provider.clock.day_of),
            reference=short_reference(view.instrument.instrument_id),
            unreadable=word_list(
                label_of_customers(self.provider.policy, "data", each)
                for each in view.instrument.unreadable
            ),
            problem=problem,
            filled=filled,
            fields=(KEY, FINDING),
            states=STATES,
            kinds=KIND_LABELS,
            refusal=REFUSAL,
            desk=DESK,
        )

    async def document(self, visit: Visit) -> Response:
        """The document of an instrument, as a file that no browser opens by itself."""
        _require_desk(visit)

        def look(tables: Tables) -> bytes:
            return self.instruments.document(tables, self._require(tables, visit))

        document = await self.provider.read(look)
        if not document:
            raise HTTPException(404)
        reference = short_reference(visit.request.path_params["instrument"])
        return _file(f"instrument-{reference}.{document_type(document)}", document)

    async def check(self, visit: Visit) -> Response:
        """Counsel finds it valid."""
        return await self._step(visit, self.instruments.check, "Checked.")

    async def set_key(self, visit: Visit) -> Response:
        """Let what is released be encrypted to a public key of age."""
        _require_desk(visit)
        filled = read((KEY,), visit.form)

        def step(transaction: Transaction, which: InstrumentId, by: UserId) -> Instrument:
            return self.instruments.set_key(transaction, which, filled.values["key"], by)

        if filled.ok:
            try:
                return await self._step(visit, step, "What is released goes to this key alone.")
            except PartyKeyError as error:
                filled = filled.wrong("key", error.in_sentences())
        return await self.show_one(visit, status=422, filled=filled)

    async def refuse(self, visit: Visit) -> Response:
        """Refuse it, once that was confirmed."""

        def refuse(transaction: Transaction, which: InstrumentId, by: UserId) -> Instrument:
            instrument = self.instruments.refuse(transaction, which, by)
            self._confirm(transaction, visit, instrument, refusal_confirmation)
            return instrument

        return await self._step(visit, refuse, "Refused.")

    async def end(self, visit: Visit) -> Response:
        """End it before it lapses, once that was confirmed."""

        def end(transaction: Transaction, which: InstrumentId, by: UserId) -> Instrument:
            instrument = self.instruments.end(transaction, which, by)
            self._confirm(transaction, visit, instrument, ending_confirmation)
            return instrument

        return await self._step(visit, end, "Ended.")

    async def review(self, visit: Visit) -> Response:
        """Review what was released in an emergency."""
        _require_desk(visit)
        filled = read((FINDING,), visit.form)
        if not filled.ok:
            return await self.show_one(visit, status=422, filled=filled)
        finding = filled.values["finding"]

        def review(
            transaction: Transaction, which: InstrumentId, by: UserId
        ) -> Instrument | Refused:
            return self.instruments.review(transaction, which, finding, by)

        return await self._step(visit, review, "Reviewed.")

    def waiting(self, tables: Tables, user: User) -> list[PendingAction]:
        """What waits at the legal desk for one of those who work there; nothing for others."""
        if not {*ROLES} & {*user.roles}:
            return []
        now, undelivered = self.provider.now(), self.releases.custody.waiting(tables)
        return [
            PendingAction(sentence, "Look at it", f"{DESK}/{each.instrument_id}", DESK)
            for each in self.instruments.all(tables)
            if (sentence := waiting_line(each, user, now, undelivered))
        ]

    async def approve(self, visit: Visit) -> Response:
        """Approve it as the second person, once that was confirmed."""

        def approve(
            transaction: Transaction, instrument_id: InstrumentId, by: UserId
        ) -> Instrument:
            instrument = self.instruments.require(transaction.tables, instrument_id)
            if instrument.state == instrument.state_before_approval:
                self._confirm(transaction, visit, instrument, approval_confirmation)
            return self.instruments.approve(transaction, instrument_id, by)

        return await self._step(visit, approve, "Approved.")

    async def release(self, visit: Visit) -> Response:
        """Release it, once that was confirmed: the answer is the file to hand over."""
        _require_desk(visit)

        def work(transaction: Transaction) -> Production | Refused:
            instrument = self._require(transaction.tables, visit)
            if instrument.state == APPROVED:
                self._confirm(transaction, visit, instrument, release_confirmation)
            return self.releases.release(transaction, instrument.instrument_id, visit.user_id)

        return await self._hand_out(visit, work)

    async def release_again(self, visit: Visit) -> Response:
        """Give the file of the last release, which was not delivered: that is no other release."""
        _require_desk(visit)

        def work(transaction: Transaction) -> Production | Refused:
            instrument_id = self._require(transaction.tables, visit).instrument_id
            return self.releases.release_again(transaction, instrument_id, visit.user_id)

        return await self._hand_out(visit, work)

    async def _hand_out(
        self, visit: Visit, work: Callable[[Transaction], Production | Refused]
    ) -> Response:
        """Answer with the file of a release; once all of it was sent, it is noted as delivered."""
        try:
            result = await self.provider.attempt(work)
        except LegalError as error:
            return await self.show_one(visit, error.in_sentences(), 409)
        if isinstance(result, Refused):
            return refusal_page(self.provider, visit.request, result)
        instrument_id, release = visit.request.path_params["instrument"], result.release

        async def confirm() -> None:
            await self.provider.do(
                lambda transaction: self.releases.custody.confirm(
                    transaction, instrument_id, release, visit.user_id
                )
            )

        answer = _file(result.name, result.content)
        answer.background = BackgroundTask(confirm)
        return answer

    def _confirm(
        self,
        transaction: Transaction,
        visit: Visit,
        instrument: Instrument,
        question: Callable[..., Confirmation],
    ) -> None:
        confirmation = question(transaction.policy, instrument, transaction.clock.day_of)
        require_confirmation(self.provider, transaction.tables, visit, confirmation)

    async def _step(self, visit: Visit, step: Step, text: str) -> Response:
        _require_desk(visit)

        def work(transaction: Transaction) -> Instrument | Refused:
            instrument = self._require(transaction.tables, visit)
            return step(transaction, instrument.instrument_id, visit.user_id)

        try:
            result = await self.provider.attempt(work)
        except LegalError as error:
            return await self.show_one(visit, error.in_sentences(), 409)
        if isinstance(result, Refused):
            return refusal_page(self.provider, visit.request, result)
        return self._banner(visit, result, text)

    def _require(self, tables: Tables, visit: Visit) -> Instrument:
        """The instrument that a path names; 404 where there is none."""
        instrument = self.instruments.find(tables, visit.request.path_params["instrument"])
        if instrument is None:
            raise HTTPException(404)
        return instrument

    def _banner(self, visit: Visit, instrument: Instrument, text: str) -> Response:
        banner = Banner(text, short_reference(instrument.instrument_id))
        path = f"{DESK}/{instrument.instrument_id}"
        return redirect_with_banner(self.provider, visit.session, path, banner)


def _require_desk(visit: Visit) -> None:
    """403 for whoever does not work at the legal desk."""
    if visit.user is None or not {*ROLES} & {*visit.user.roles}:
        raise HTTPException(403)


def _file(name: str, content: bytes) -> Response:
    headers = {
        "content-disposition": f'attachment; filename="{name}"',
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
    }
    return Response(content, 200, headers, "application/octet-stream")


def _name(tables: Tables, user_id: UserId) -> str:
    user = operators.find_user(tables, user_id)
    return user.name if user else "somebody of our staff"
