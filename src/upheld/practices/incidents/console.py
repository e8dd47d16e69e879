"""Incidents in the console: opened, counted, written about, approved by a second person, closed.

The pages say how many people an incident touched, of which kinds of data and until when the notices
are owed. They say of nobody who it is.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Final, NamedTuple

from starlette.exceptions import HTTPException
from starlette.responses import Response

from upheld.core.company_names import company_name
from upheld.core.ids import IncidentId, UserId
from upheld.database.own_tables import Tables
from upheld.gate.operations.misuse import (
    PARTNER,
    STAFF,
    TIME,
    Misuse,
    MisuseError,
    require_subject,
    told_besides,
)
from upheld.gate.transaction import Transaction
from upheld.practice import operators
from upheld.practice.consequences import (
    Banner,
    redirect_with_banner,
    require_confirmation,
    short_reference,
)
from upheld.practice.endpoints import Visit
from upheld.practice.labels import label_of_customers
from upheld.practice.operators import User
from upheld.practice.plugin import PendingAction, Provider
from upheld.practice.sheets import sheet
from upheld.practices.incidents import incidents
from upheld.practices.incidents.drills import (
    drill_outcome,
    drill_record,
    in_words,
    left_in_words,
)
from upheld.practices.incidents.incidents import (
    APPROVED,
    Incident,
    IncidentError,
    Incidents,
    IncidentStep,
    NoticeCounts,
    notice_counts,
)
from upheld.practices.incidents.questions import (
    CLAUSE,
    CONSOLE,
    DRILL,
    KINDS,
    NOTICE,
    PRACTICE,
    PRACTISED,
    REMARK,
    SENT,
    STATES,
    STEPS,
    approval_confirmation,
    incident_fields,
    opening_confirmation,
    through_its_minute,
    waiting_line,
    what_in_words,
)
from upheld.web.forms import EMPTY, Field, Filled, read
from upheld.web.pages import format_time

COLUMNS: Final = ("what", "number")


class IncidentView(NamedTuple):
    """An incident with what its page needs."""

    incident: Incident
    subject: str
    counts: NoticeCounts
    steps: list[IncidentStep]
    names: dict[UserId, str]  # of our staff

    def name(self, staff_id: UserId) -> str:
        """Who of our staff did something."""
        return self.names.get(staff_id, "our program")


class IncidentConsole:
    """The pages of staff."""

    def __init__(self, provider: Provider, model: Incidents) -> None:
        self.provider, self.incidents = provider, model

    @property
    def fields(self) -> tuple[Field, ...]:
        """The form for an incident."""
        return incident_fields(self.provider.clock.zone)

    async def show(self, visit: Visit, filled: Filled = EMPTY, status: int = 200) -> Response:
        """Every incident, and the form for another."""
        _officer(visit)
        every = await self.provider.read(self._listed)
        return self.provider.pages.page(
            visit.request,
            "incidents/console.html",
            status=status,
            rows=[each for each in every if not each[0].drill],
            drills=[each for each in every if each[0].drill],
            reference=short_reference,
            kinds=KINDS,
            fields=self.fields,
            filled=filled,
            clause=CLAUSE,
            off=not incidents.speaks_of_it(self.provider.policy),
        )

    def waiting(self, tables: Tables, user: User) -> list[PendingAction]:
        """The incidents that wait for one of those who answer for them; nothing for others."""
        if not {*incidents.ROLES} & {*user.roles}:
            return []
        return [
            PendingAction(sentence, "Look at it", f"{CONSOLE}/{each.incident_id}", CONSOLE)
            for each in self.incidents.all(tables)
            if (sentence := waiting_line(each, user.user_id))
        ]

    def _listed(self, tables: Tables) -> list[tuple[Incident, str]]:
        """Every incident, with its state in words."""
        now = self.provider.now()
        return [
            (each, _state(each, notice_counts(tables, each, now)))
            for each in self.incidents.all(tables)
        ]

    async def open(self, visit: Visit) -> Response:
        """Open an incident, once that was confirmed."""
        user = _officer(visit)
        filled = read(self.fields, visit.form)
        values, subject = filled.values, filled.values.get("subject", "")
        if not subject and values.get("kind", TIME) != TIME:
            filled = filled.wrong("subject", "Say which one it is.")
        if not filled.ok:
            return await self.show(visit, filled, 422)
        since, until, discovery = (
            datetime.fromisoformat(values[each]) for each in ("since", "until", "discovery")
        )
        until = through_its_minute(until, self.provider.now())
        gate, kind = self.provider.gate.gate, values["kind"]

        def work(transaction: Transaction) -> Incident:
            name = incidents.subject_of(transaction, kind, subject)
            misuse, is_drill = Misuse(kind, name, since, until), values["real"] == PRACTICE
            new = self.incidents.open(transaction, misuse, discovery, user.user_id, drill=is_drill)
            question = opening_confirmation(filled, self.provider.clock.zone)
            require_confirmation(self.provider, transaction.tables, visit, question)
            return new

        try:
            if kind not in (STAFF, PARTNER):
                await self.provider.run_in_thread(require_subject, gate, kind, subject)
            new = await self.provider.do(work)
        except (IncidentError, MisuseError) as error:
            field = error.field if isinstance(error, IncidentError) else "subject"
            return await self.show(visit, filled.wrong(field, error.in_sentences()), 422)
        text = "Opened. Whom it touched is counted within minutes."
        if new.drill:
            text = "Practice alarm opened. Whom it would have touched is counted within minutes."
        return self._banner(visit, new.incident_id, text)

    async def show_one(self, visit: Visit, filled: Filled = EMPTY, status: int = 200) -> Response:
        """One incident: how it stands, its counts, its notice, what was done."""
        _officer(visit)
        view = await self.provider.read(partial(self._view, visit=visit))
        there = view.incident
        return self.provider.pages.page(
            visit.request,
            "incidents/incident.html",
            status=status,
            view=view,
            it=there,
            reference=short_reference(there.incident_id),
            misuse_in_words=what_in_words(there.misuse.kind, view.subject),
            what=DRILL if there.drill else "Incident",
            record=drill_record(there, view.steps),
            outcome=drill_outcome(there),
            in_words=in_words,
            left_in_words=left_in_words,
            state=_state(there, view.counts),
            step_names=STEPS,
            data=_labels(self.provider, there),
            besides=told_besides(there.misuse),
            is_own=there.drafted_by == visit.user_id,
            notice=NOTICE,
            remark=REMARK,
            filled=filled._replace(shown={NOTICE.name: there.notice, **filled.shown}),
            path=f"{CONSOLE}/{there.incident_id}",
            console=CONSOLE,
            clause=CLAUSE,
        )

    def _view(self, tables: Tables, visit: Visit) -> IncidentView:
        there = self.incidents.find(tables, visit.request.path_params["incident"])
        if there is None:
            raise HTTPException(404)
        names = {each.user_id: each.name for each in operators.all_users(tables)}
        subject = there.misuse.name
        return IncidentView(
            there,
            company_name(subject)
            if there.misuse.kind == PARTNER
            else names.get(UserId(subject), subject),
            notice_counts(tables, there, self.provider.now()),
            self.incidents.steps(tables, there.incident_id),
            names,
        )

    async def draft(self, visit: Visit) -> Response:
        """Write the notice."""
        return await self._write(visit, NOTICE, self.incidents.draft, "The notice is written.")

    async def note(self, visit: Visit) -> Response:
        """Write down what was done."""
        return await self._write(visit, REMARK, self.incidents.note, "Noted.")

    async def close(self, visit: Visit) -> Response:
        """Close an incident with what was done."""
        return await self._write(visit, REMARK, self.incidents.close, "Closed.")

    async def _write(
        self,
        visit: Visit,
        field: Field,
        step: Callable[[Transaction, IncidentId, str, UserId], Incident],
        text: str,
    ) -> Response:
        user, incident_id = _officer(visit), visit.request.path_params["incident"]
        filled = read((field,), visit.form)
        await self._require(visit)
        if not filled.ok:
            return await self.show_one(visit, filled, 422)
        value = filled.values[field.name]
        try:
            await self.provider.do(
                lambda transaction: step(transaction, incident_id, value, user.user_id)
            )
        except IncidentError as error:
            return await self.show_one(visit, filled.wrong(field.name, error.in_sentences()), 422)
        return self._banner(visit, incident_id, text)

    async def approve(self, visit: Visit) -> Response:
        """Approve the notice as the second person, once that was confirmed."""
        user, incident_id = _officer(visit), visit.request.path_params["incident"]
        await self._require(visit)

        def work(transaction: Transaction) -> Incident:
            there = self.incidents.require(transaction.tables, incident_id)
            after = self.incidents.approve(transaction, incident_id, there.turn, user.user_id)
            counts = notice_counts(transaction.tables, there, transaction.clock.now())
            question = approval_confirmation(
                there, counts.waiting, short_reference(incident_id), {"turn": str(there.turn)}
            )
            require_confirmation(self.provider, transaction.tables, visit, question)
            return after

        try:
            after = await self.provider.do(work)
        except IncidentError as error:
            wrong = EMPTY.wrong(NOTICE.name, error.in_sentences())
            return await self.show_one(visit, wrong, 422)
        text = "Approved. The notices are sent within minutes."
        if after.drill:
            text = "Approved. It is a practice alarm: nobody is written to."
        return self._banner(visit, incident_id, text)

    async def counts(self, visit: Visit) -> Response:
        """What an authority asks for, as CSV whose cells no spreadsheet runs."""
        _officer(visit)
        view = await self.provider.read(partial(self._view, visit=visit))
        zone = self.provider.clock.zone

        def moment(at: datetime | None) -> str:
            return "" if at is None else format_time(at.astimezone(zone))

        there, notices = view.incident, view.counts
        rows = [
            *([("practice alarm", "nothing happened, and nobody is told")] if there.drill else ()),
            ("incident", short_reference(there.incident_id)),
            ("what was misused", there.misuse.kind),
            ("from", moment(there.misuse.since)),
            ("until", moment(there.misuse.until)),
            ("found", moment(there.discovery)),
            ("people touched", str(there.people)),
            *(
                (f"people whose {label} was touched", str(count))
                for label, count in _labels(self.provider, there)
            ),
            *([("also among it", besides)] if (besides := told_besides(there.misuse)) else ()),
            ("notices sent", str(notices.notified)),
            ("notices that wait", str(notices.waiting)),
            ("notices that the policy does not let us send", str(notices.refused)),
            ("notices approved", moment(there.approved_at)),
            ("closed", moment(there.closed_at)),
            *(
                (
                    f"{STEPS[each.step].lower()}: after the finding",
                    f"{in_words(each.since)}; {left_in_words(each.left)}",
                )
                for each in drill_record(there, view.steps)
            ),
        ]
        name = "practice-alarm" if there.drill else "incident"
        headers = {
            "cache-control": "no-store",
            "content-disposition": f'attachment; filename="{name}.csv"',
        }
        return Response(sheet(COLUMNS, rows).encode(), 200, headers, "text/csv; charset=utf-8")

    async def _require(self, visit: Visit) -> None:
        """404 for an incident that is not there."""
        await self.provider.read(partial(self._view, visit=visit))

    def _banner(self, visit: Visit, incident_id: IncidentId, text: str) -> Response:
        banner = Banner(text, short_reference(incident_id))
        path = f"{CONSOLE}/{incident_id}"
        return redirect_with_banner(self.provider, visit.session, path, banner)


def _state(there: Incident, counts: NoticeCounts) -> str:
    """The state of an incident in words: what was approved is sent once nobody waits for it."""
    if there.state != APPROVED:
        return STATES[there.state]
    if there.drill:
        return PRACTISED
    return STATES[there.state] if counts.waiting else SENT


def _officer(visit: Visit) -> User:
    """Whoever may work on incidents; 403 for everybody else."""
    if visit.user is None or not {*incidents.ROLES} & {*visit.user.roles}:
        raise HTTPException(403)
    return visit.user


def _labels(provider: Provider, there: Incident) -> list[tuple[str, int]]:
    """How many people by kind of data, in the words of the policy, the most first."""
    counts = [
        (label_of_customers(provider.policy, "data", kind), count)
        for kind, count in there.counts.items()
    ]
    return sorted(counts, key=lambda each: (-each[1], each[0]))
