"""What a customer reads of programmes, joins and leaves; and what a guardian says yes to."""

from __future__ import annotations

from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.responses import Response

from upheld.core.company_names import company_name
from upheld.core.ids import PersonId
from upheld.gate.transaction import Transaction
from upheld.practice.consequences import Banner, redirect_with_banner, short_reference
from upheld.practice.endpoints import Visit
from upheld.practice.plugin import PendingAction, Provider
from upheld.practices.programmes import members, programmes
from upheld.practices.programmes.members import JOINED, WAITING, Membership
from upheld.practices.programmes.programmes import Programme, ProgrammeError
from upheld.web.forms import EMPTY, Field, Filled, read

PAGE: Final = "/me/programmes"
REQUESTS: Final = f"{PAGE}/requests"
AGREE: Final = Field(
    "agree", "I have read this, and I join", "tick", missing="Tick the box if you want to join."
)
APPROVE: Final = Field(
    "agree",
    "I have read this, and I say yes to it for them",
    "tick",
    missing="Tick the box if you say yes.",
)
CLAUSES: Final = ("programmes", programmes.WARNING)


class ProgrammePages:
    """The pages of customers and of their guardians."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    def waiting(self, transaction: Transaction, person_id: PersonId) -> list[PendingAction]:
        """Tells a guardian what somebody in their care asks to join."""
        return [
            PendingAction(
                f"Somebody in your care asks to join a programme, with the code {each.code}.",
                "Read what it is, and say yes or no",
                f"{REQUESTS}/{each.request_id}",
            )
            for each in members.of_wards(self.provider, transaction.tables, person_id)
            if each.state == WAITING
        ]

    async def show(self, visit: Visit) -> Response:
        """The programmes there are, and where one stands with each; and those of one's wards."""

        def look(transaction: Transaction) -> dict[str, Any]:
            tables, at = transaction.tables, transaction.clock.now()
            mine = members.of_person(tables, visit.subject)
            every = programmes.every(tables)
            wards = members.of_wards(self.provider, tables, visit.subject)
            titles = {each.programme_id: each.title for each in every}
            return {
                "rows": [
                    (each, company_name(each.party), mine.get(each.programme_id))
                    for each in every
                    if each.in_force(at) or each.programme_id in mine
                ],
                "wards": [(each, titles.get(each.programme_id, "")) for each in wards],
            }

        words = await self.provider.do(look)
        return self.provider.pages.page(visit.request, "programmes/list.html", **words)

    async def show_one(self, visit: Visit, filled: Filled = EMPTY, status: int = 200) -> Response:
        """One programme: what goes to whom, the warning, and a box that nobody ticked."""

        def look(transaction: Transaction) -> dict[str, Any]:
            its = _open(transaction, visit)
            mine = members.of_person(transaction.tables, visit.subject).get(its.programme_id)
            if not its.in_force(transaction.clock.now()) and mine is None:
                raise HTTPException(404)
            return self._words(transaction, its, mine)

        words = await self.provider.do(look)
        return self.provider.pages.page(
            visit.request,
            "programmes/one.html",
            status=status,
            field=AGREE,
            filled=filled,
            **words,
        )

    def _words(
        self, transaction: Transaction, its: Programme, mine: Membership | None
    ) -> dict[str, Any]:
        """A programme as its pages tell it."""
        policy = transaction.policy
        decision = programmes.decision_on(policy, its.fields)
        terms = policy.program.vocabulary.tree("data")
        wording = programmes.wording(policy, its)
        is_open = its.in_force(transaction.clock.now())
        return {
            "its": its,
            "name": company_name(its.party),
            "data": [terms[each].label if each in terms else each for each in its.fields],
            "mine": mine,
            "wording": wording,
            "digest": members.digest(wording),
            "is_open": is_open and decision is not None and decision.allowed,
            "warning": programmes.warning(policy),
            "clauses": CLAUSES,
        }

    async def join(self, visit: Visit) -> Response:
        """Join, or ask the guardian, once the box is ticked under the text as it is now."""
        filled = read((AGREE,), visit.form)
        if not filled.ok:
            return await self.show_one(visit, filled, 422)

        def work(transaction: Transaction) -> Membership:
            its = _open(transaction, visit)
            return members.join(
                self.provider, transaction, visit.subject, its, _text(visit, "agreement")
            )

        try:
            mine = await self.provider.do(work)
        except ProgrammeError as error:
            return await self.show_one(visit, EMPTY.wrong("agree", error.in_sentences()), 409)
        text = "You joined." if mine.state == JOINED else "Your guardian is asked."
        return self._back(visit, mine, text)

    async def leave(self, visit: Visit) -> Response:
        """Leave, in one click; nothing more is given from then on."""

        def work(transaction: Transaction) -> Membership:
            its = _open(transaction, visit)
            try:
                return members.leave(
                    transaction, visit.subject, its.programme_id, actor=members.CUSTOMER
                )
            except ProgrammeError:
                raise HTTPException(404) from None

        mine = await self.provider.do(work)
        return self._back(visit, mine, "You are not in this programme, and nothing more is given.")

    def _back(self, visit: Visit, mine: Membership, text: str) -> Response:
        banner = Banner(text, short_reference(mine.record_id or mine.request_id))
        path = f"{PAGE}/{mine.programme_id}"
        return redirect_with_banner(self.provider, visit.session, path, banner)

    async def ask(self, visit: Visit, filled: Filled = EMPTY, status: int = 200) -> Response:
        """What a guardian is asked: the programme that somebody in their care wants to join."""

        def look(transaction: Transaction) -> dict[str, Any]:
            mine = self._ward(transaction, visit)
            its = programmes.find(transaction.tables, mine.programme_id)
            return self._words(transaction, its, mine)

        words = await self.provider.do(look)
        return self.provider.pages.page(
            visit.request,
            "programmes/ward.html",
            status=status,
            field=APPROVE,
            filled=filled,
            **words,
        )

    async def approve(self, visit: Visit) -> Response:
        """Say yes for somebody in one's care."""
        filled = read((APPROVE,), visit.form)
        if not filled.ok:
            return await self.ask(visit, filled, 422)

        def work(transaction: Transaction) -> Membership:
            mine = self._ward(transaction, visit)
            return members.approve(
                self.provider,
                transaction,
                visit.subject,
                mine.request_id,
                _text(visit, "agreement"),
            )

        try:
            mine = await self.provider.do(work)
        except ProgrammeError as error:
            return await self.ask(visit, EMPTY.wrong("agree", error.in_sentences()), 409)
        return self._answered(visit, mine, "You said yes.")

    async def decline(self, visit: Visit) -> Response:
        """Say no for somebody in one's care, or take back one's yes."""

        def work(transaction: Transaction) -> Membership:
            mine = self._ward(transaction, visit)
            return members.decline(self.provider, transaction, visit.subject, mine.request_id)

        mine = await self.provider.do(work)
        return self._answered(visit, mine, "You said no. Nothing more is given.")

    def _answered(self, visit: Visit, mine: Membership, text: str) -> Response:
        banner = Banner(text, mine.code)
        path = f"{REQUESTS}/{mine.request_id}"
        return redirect_with_banner(self.provider, visit.session, path, banner)

    def _ward(self, transaction: Transaction, visit: Visit) -> Membership:
        """What the path names of somebody in the visitor's care; 404 for anybody else's."""
        request_id = visit.request.path_params["request"]
        try:
            return members.require_ward(self.provider, transaction, visit.subject, request_id)
        except ProgrammeError:
            raise HTTPException(404) from None


def _open(transaction: Transaction, visit: Visit) -> Programme:
    """The programme that a path names by its id; 404 where there is none."""
    programme_id = visit.request.path_params["programme"]
    try:
        its = programmes.find(transaction.tables, programme_id)
    except ProgrammeError:
        raise HTTPException(404) from None
    if its.programme_id != programme_id:
        raise HTTPException(404)
    return its


def _text(visit: Visit, name: str) -> str:
    value = visit.form.get(name, "")
    return value if isinstance(value, str) else ""
