"""Programmes at the desk: managers make them, run them, and end them; they see no customer."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.responses import Response

from upheld.core.company_names import company_name
from upheld.core.counts import count_of
from upheld.database.own_tables import Tables
from upheld.gate.transaction import Transaction
from upheld.practice import parties, party_keys
from upheld.practice.consequences import (
    Banner,
    Confirmation,
    redirect_with_banner,
    require_confirmation,
    short_reference,
)
from upheld.practice.deliveries import DeliveryError
from upheld.practice.endpoints import Visit
from upheld.practice.labels import label_of_customers
from upheld.practice.operators import MANAGER
from upheld.practice.plugin import Provider
from upheld.practices.programmes import members, programmes, runs
from upheld.practices.programmes.programmes import Programme, ProgrammeDraft, ProgrammeError
from upheld.web.forms import EMPTY, Field, Filled, read

HERE: Final = "/staff/programmes"


class ProgrammeDesk:
    """The pages of managers."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    def _fields(self, transaction: Transaction) -> tuple[Field, ...]:
        """What is asked of a programme that is to be made."""
        policy = transaction.policy
        data = [
            (each, label_of_customers(policy, "data", each))
            for each in programmes.offered_fields(policy)
        ]
        partners = [
            (each, company_name(each)) for each in parties.in_role(transaction, programmes.PARTNER)
        ]
        return (
            Field("title", "Name", hint="As customers read it.", length_max=programmes.TITLE_MAX),
            Field(
                "party",
                "Company",
                "select",
                options=partners,
                hint="On the register as a programme's partner.",
            ),
            Field("data", "What goes to it", "checks", options=data, length_max=2_000),
            Field(
                "purpose",
                "What the company does with it",
                length_max=programmes.PURPOSE_MAX,
                hint="In one line.",
            ),
            Field("text", "What customers read", "textarea", length_max=programmes.TEXT_MAX),
            Field("since", "Since", "date", required=False, hint="Today, if you leave it out."),
            Field("until", "Last day", "date", required=False, hint="Open, if you leave it out."),
        )

    async def show(self, visit: Visit, filled: Filled = EMPTY, status: int = 200) -> Response:
        """Every programme, and the form to make one."""
        _manager(visit)

        def look(transaction: Transaction) -> dict[str, Any]:
            tables = transaction.tables
            return {
                "rows": [
                    (each, company_name(each.party), members.counts(tables, each.programme_id))
                    for each in programmes.every(tables)
                ],
                "fields": self._fields(transaction),
            }

        words = await self.provider.do(look)
        return self.provider.pages.page(
            visit.request,
            "programmes/desk.html",
            status=status,
            filled=filled,
            now=self.provider.now(),
            **words,
        )

    async def make(self, visit: Visit) -> Response:
        """Make a programme."""
        actor = _manager(visit)

        def work(transaction: Transaction) -> Programme | Filled:
            filled = read(self._fields(transaction), visit.form)
            if not filled.ok:
                return filled
            values = filled.values
            draft = ProgrammeDraft(
                values["title"],
                values["party"],
                tuple(values["data"].split(", ")),
                values["purpose"],
                values["text"],
                _day(values.get("since")),
                _day(values.get("until")),
            )
            try:
                return programmes.make(transaction, draft, actor=actor)
            except ProgrammeError as error:
                return filled.wrong("title", error.in_sentences())

        result = await self.provider.do(work)
        if isinstance(result, Filled):
            return await self.show(visit, result, 422)
        return self._back(visit, result, "Customers can join it from its first day on.")

    async def show_one(self, visit: Visit, filled: Filled = EMPTY, status: int = 200) -> Response:
        """One programme: its text as customers are shown it, and how many stand how with it."""
        _manager(visit)

        def look(tables: Tables) -> dict[str, Any]:
            its = _one(tables, visit)
            policy = self.provider.policy
            return {
                "its": its,
                "name": company_name(its.party),
                "data": [label_of_customers(policy, "data", each) for each in its.fields],
                "counts": members.counts(tables, its.programme_id),
                "wording": programmes.wording(self.provider.policy, its),
                "has_key": bool(party_keys.find(tables, its.party)),
                "in_force": its.in_force(self.provider.now()),
                "is_over": its.ends is not None and its.ends <= self.provider.now(),
            }

        words = await self.provider.read(look)
        return self.provider.pages.page(
            visit.request, "programmes/desk-one.html", status=status, filled=filled, **words
        )

    async def run(self, visit: Visit) -> Response:
        """Send whoever joined since the last run."""
        _manager(visit)
        its = await self.provider.read(lambda tables: _one(tables, visit))
        gate = self.provider.gate.gate
        try:
            done = await self.provider.run_in_thread(runs.run, gate, its.programme_id)
        except (ProgrammeError, DeliveryError) as error:
            return await self.show_one(visit, EMPTY.wrong("run", error.in_sentences()), 409)
        people = count_of(done.people, "person", "people")
        text = f"Sent: {people}, in {count_of(done.deliveries, 'delivery')}."
        if not done.people:
            text = "Nobody joined since the last run."
        return self._back(visit, its, text)

    async def end(self, visit: Visit) -> Response:
        """End a programme, once that was confirmed."""
        actor = _manager(visit)

        def work(transaction: Transaction) -> Programme:
            its = _one(transaction.tables, visit)
            require_confirmation(self.provider, transaction.tables, visit, _end_confirmation(its))
            return programmes.end(transaction, its.programme_id, actor=actor)

        try:
            its = await self.provider.do(work)
        except ProgrammeError as error:
            return await self.show_one(visit, EMPTY.wrong("end", error.in_sentences()), 409)
        return self._back(visit, its, "This programme is over.")

    def _back(self, visit: Visit, its: Programme, text: str) -> Response:
        banner = Banner(text, short_reference(its.programme_id))
        path = f"{HERE}/{its.programme_id}"
        return redirect_with_banner(self.provider, visit.session, path, banner)


def _end_confirmation(its: Programme) -> Confirmation:
    """What it means that a programme ends."""
    here, name = f"{HERE}/{its.programme_id}", company_name(its.party)
    return Confirmation(
        f"End the programme {its.title}?",
        [
            "Nobody can join it any more.",
            f"Nothing more goes to {name} because of it, and what waits for it is kept back.",
            "What was given until now stays in the account of each customer.",
        ],
        f"{here}/end",
        "End it",
        here,
        grave=True,
    )


def _manager(visit: Visit) -> str:
    """Whoever manages, as an entry names them; 403 for everybody else."""
    if visit.user is None or MANAGER not in visit.user.roles:
        raise HTTPException(403)
    return f"staff {visit.user.user_id}"


def _one(tables: Tables, visit: Visit) -> Programme:
    """The programme that a path names by its id; 404 where there is none."""
    programme_id = visit.request.path_params["programme"]
    its = next(
        (each for each in programmes.every(tables) if each.programme_id == programme_id), None
    )
    if its is None:
        raise HTTPException(404)
    return its


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
