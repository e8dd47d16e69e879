"""Family: whom a guardian cares for and what they see of them, and what the minor sees of that.

Each look of a guardian is an act of its own under the clause on guardians, with an entry that the
minor sees. No page of theirs shows a password, or which pages somebody asked for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from upheld.core.ids import PersonId
from upheld.database.own_tables import Tables
from upheld.gate.act.execution import Outcome
from upheld.gate.act.request import Act, Refused
from upheld.gate.act.request import ActResult as Values
from upheld.gate.transaction import Transaction
from upheld.practice import credentials, invitations, outbox
from upheld.practice.admission import admission
from upheld.practice.citations import Quote, quote_decision
from upheld.practice.consequences import (
    Banner,
    confirmation_page,
    redirect_with_banner,
    require_confirmation,
    short_reference,
)
from upheld.practice.endpoints import Visit
from upheld.practice.events import PASSWORD_CHANGED
from upheld.practice.message_copies import CUSTOMER, NOTE
from upheld.practice.plugin import PendingAction, Provider
from upheld.practice.reasons import refusal_page
from upheld.practice.unreadable import decoding
from upheld.practices.guardians import domain
from upheld.practices.guardians.consent_questions import (
    GIVE,
    WITHDRAW,
    consent_confirmation,
    sentence,
)
from upheld.practices.guardians.domain import Care, GuardianConsent
from upheld.practices.guardians.purchases import Purchases, WaitingPurchase, limit_of
from upheld.web import sessions
from upheld.web.forms import EMPTY, Field, Filled, cents
from upheld.web.pages import format_day

VISIBLE_FIELDS: Final = ("name", "account-id", "services", "balance", "usage", "messages")
MESSAGES_MAX: Final = 20  # that a guardian sees of what we wrote, the latest
LIMIT: Final = Field(
    "limit",
    "Limit a month",
    hint="Dollars and cents, such as 40.00. Nothing is ordered that would cost more in all.",
    length_max=12,
    check=cents,
)
_OPPOSITE: Final = {GIVE: WITHDRAW, WITHDRAW: GIVE}
LOOK_NOTICE: Final = timedelta(days=14)  # how long a look is told on the first page
NOTICES: Final = {
    "accepted": "Thank you. The person who invited you can now continue, with the code that we"
    " showed them.",
    "checking": "Thank you. Before they can continue, we have to confirm who you are: by a card"
    " that you enter on the page of payments, which is not charged for this, or by a call from a"
    " member of our staff.",
    "declined": "You said no. They cannot sign up by this invitation.",
    "reset": "Their password was reset. A link to choose a new one is on its way to them.",
}


class GuardianLook(NamedTuple):
    """That a guardian looked at something, and when."""

    at: datetime
    what: str


class Child(NamedTuple):
    """What a guardian sees of whom they care for."""

    person_id: PersonId
    name: str
    account: str
    started_at: datetime
    consents: dict[str, GuardianConsent]
    services: tuple[str, ...]
    balance: int | None
    usage: tuple[tuple[str, float, float], ...]
    messages: tuple[tuple[datetime, str], ...]
    sees: bool
    why_not: tuple[Quote, ...]


class Spending(NamedTuple):
    """What somebody's services cost a month, its limit, and what they asked for, with its title."""

    costs: Sequence[tuple[str, int | None]]  # nothing is known of what is no longer offered
    total: int
    limit: int | None
    waiting: list[tuple[str, WaitingPurchase]]


class Family:
    """The pages of a family."""

    def __init__(self, provider: Provider, orders: Purchases) -> None:
        self.provider, self.orders = provider, orders

    @property
    def _labels(self) -> dict[str, str]:
        tree = self.provider.policy.program.vocabulary.tree("data")
        return {name: term.label or name for name, term in tree.items()}

    async def show(self, visit: Visit) -> Response:
        """Whom one cares for, and who cares for oneself."""

        def look(transaction: Transaction) -> dict[str, Any]:
            person, c = visit.subject, transaction.tables
            care = domain.care_of(c, person)
            return {
                "children": [
                    (each, self.name_of(transaction, each)) for each in domain.cares(c, person)
                ],
                "waiting": invitations.acceptances_of(c, person, self.provider.now()),
                "care": care,
                "given": domain.consents_for(transaction, person) if care else {},
                "looks": self.looks(transaction, person),
                "orders": [self._named(each) for each in self.orders.waiting(c, person)],
                "limit": limit_of(c, person),
            }

        words = await self.provider.do(look)
        return self.provider.pages.page(
            visit.request,
            "guardians/family.html",
            kinds=domain.KINDS,
            takes_minors=admission(self.provider.policy).takes_minors,
            said=NOTICES.get(visit.request.query_params.get("said", "")),
            **words,
        )

    def _view(self, transaction: Transaction, care: Care, data: tuple[str, ...]) -> Outcome:
        act = Act(
            action="view",
            data=data,
            actor=domain.GUARDIAN,
            purpose="service-provision",
            partial=True,
        )
        return transaction.act(act, care.person_id, entitled=True)

    def name_of(self, transaction: Transaction, care: Care) -> str:
        """The name of whom a guardian cares for, as they may see it; empty where they may not."""
        result = self._view(transaction, care, ("name",))
        return "" if isinstance(result, Refused) else _value_of(result, "name")

    def looks(self, transaction: Transaction, person_id: PersonId) -> list[GuardianLook]:
        """When a guardian looked at something of somebody, the latest first."""
        looks = []
        for each in reversed(transaction.entries(person_id)):
            entry = each.entry
            if (
                entry.kind == "act"
                and entry.action == "view"
                and entry.actor.startswith("guardian")
            ):
                what = ", ".join(self._labels.get(word, word) for word in entry.data)
                looks.append(GuardianLook(each.at, what))
        return looks[:100]

    def care(self, transaction: Transaction, visit: Visit) -> Care | None:
        """The care that a page is about, if it is this visitor's."""
        care = domain.care_of(transaction.tables, visit.request.path_params["child"])
        return care if care is not None and care.guardian_id == visit.subject else None

    def nobody_page(self, request: Request) -> Response:
        """The page that says that nobody of this id is in one's care."""
        return self.provider.pages.page(request, "guardians/nobody.html", status=404)

    async def child(self, visit: Visit, filled: Filled = EMPTY, problem: str = "") -> Response:
        """What a guardian sees of one whom they care for; to look is an act."""

        def look(transaction: Transaction) -> tuple[Child, Spending] | None:
            care = self.care(transaction, visit)
            if care is None:
                return None
            child = self._child(transaction, care)
            return child, self._spending(transaction.tables, child)

        seen = await self.provider.do(look)
        if seen is None:
            return self.nobody_page(visit.request)
        child, spending = seen
        if not filled.shown and spending.limit is not None:
            filled = filled._replace(shown={LIMIT.name: dollars(spending.limit)})
        return self.provider.pages.page(
            visit.request,
            "guardians/child.html",
            status=409 if problem else 200 if filled.ok else 422,
            child=child,
            spending=spending,
            fields=(LIMIT,),
            filled=filled,
            problem=problem,
            kinds=domain.KINDS,
            said=NOTICES.get(visit.request.query_params.get("said", "")),
        )

    def _spending(self, tables: Tables, child: Child) -> Spending:
        """What somebody's services cost a month, and what waits for a yes."""
        person_id, seller = child.person_id, self.provider.seller
        prices = {item: seller.price(item) for item in child.services} if seller else {}
        costs = [price or (item, None) for item, price in prices.items()]
        waiting = self.orders.waiting(tables, person_id) if child.sees else []
        return Spending(
            costs,
            sum(each for _, each in costs if each is not None),
            limit_of(tables, person_id),
            [self._named(each) for each in waiting],
        )

    def _named(self, waiting: WaitingPurchase) -> tuple[str, WaitingPurchase]:
        """What waits, with what it is called."""
        seller = self.provider.seller
        price = seller.price(waiting.item) if seller else None
        return price[0] if price else waiting.item, waiting

    def _child(self, transaction: Transaction, care: Care) -> Child:
        consents = domain.consents_for(transaction, care.person_id)
        result = self._view(transaction, care, VISIBLE_FIELDS)
        if isinstance(result, Refused):
            decision = result.decision
            quotes: tuple[Quote, ...] = ()
            if decision is not None:
                near = decision.clauses or [each.clause for each in decision.nearest]
                quotes = tuple(quote_decision(transaction.policy, decision, near))
            return Child(
                care.person_id, "", "", care.started_at, consents, (), None, (), (), False, quotes
            )
        rows = {}
        for field in ("services", "usage", "messages"):
            with decoding(field):
                rows[field] = [
                    msgspec.json.decode(each.value, type=dict[str, Any])
                    for each in result.series(field)
                ]
        with decoding("usage"):
            usage = _sum_usage(rows["usage"])
        with decoding("messages"):
            copies = tuple(
                (datetime.fromisoformat(each["at"]), str(each["subject"]))
                for each in reversed(_from_us(rows["messages"])[-MESSAGES_MAX:])
            )
        return Child(
            care.person_id,
            _value_of(result, "name"),
            _value_of(result, "account-id"),
            care.started_at,
            consents,
            _running_plans(rows["services"]),
            int(result["balance"]) if "balance" in result.values else None,
            usage,
            copies,
            True,
            (),
        )

    async def change(self, visit: Visit) -> Response:
        """Give one thing, take it back, or let a child choose a new password."""
        what, how = str(visit.form.get("what", "")), str(visit.form.get("how", ""))

        def work(transaction: Transaction) -> str | Banner | Refused | None:
            care = self.care(transaction, visit)
            if care is None:
                return None
            if what in domain.KINDS and how in _OPPOSITE:
                return self._consent(transaction, visit, care, what, how)
            if what == "password":
                return self._reset(transaction, care) or "?said=reset"
            return ""

        result = await self.provider.attempt(work)
        if isinstance(result, Refused):
            return refusal_page(self.provider, visit.request, result)
        if result is None:
            return self.nobody_page(visit.request)
        here = f"/me/family/{visit.request.path_params['child']}"
        if isinstance(result, Banner):
            return redirect_with_banner(self.provider, visit.session, here, result)
        return RedirectResponse(here + result, 303)

    def _consent(
        self, transaction: Transaction, visit: Visit, care: Care, what: str, how: str
    ) -> Banner | str:
        """Give one consent or take it back, once that was confirmed; nothing where it is so."""
        transaction.lock(care.person_id)
        before = domain.consents_for(transaction, care.person_id)[what].record_id
        if bool(before) == (how == GIVE):
            return ""
        question = consent_confirmation(care.person_id, what, how)
        require_confirmation(self.provider, transaction.tables, visit, question)
        if how == GIVE:
            domain.give(transaction, care, what)
        else:
            domain.withdraw(self.provider, transaction, care, what)
        record_id = before or domain.consents_for(transaction, care.person_id)[what].record_id
        undo = f"/me/family/{care.person_id}/consent/{what}/{_OPPOSITE[how]}"
        return Banner(sentence(what, how), short_reference(record_id or ""), undo)

    async def ask_consent(self, visit: Visit) -> Response:
        """What follows if one consent is taken back or given again, before it is."""
        what, how = (visit.request.path_params[each] for each in ("what", "how"))
        care = await self.provider.do(lambda transaction: self.care(transaction, visit))
        if care is None or what not in domain.KINDS or how not in _OPPOSITE:
            return self.nobody_page(visit.request)
        question = consent_confirmation(care.person_id, what, how)
        return confirmation_page(self.provider, visit.request, visit.session, question)

    def _reset(self, transaction: Transaction, care: Care) -> Refused | None:
        """End the old password, and write to the child how to choose another."""
        person = care.person_id
        refusal = credentials.delete_secret(transaction, person, credentials.SIGN_IN)
        if refusal is not None:
            return refusal
        transaction.note(person, "password-reset", actor=domain.GUARDIAN)
        sessions.end_all(transaction.tables, "customer", person)
        self.provider.events.announce(transaction, PASSWORD_CHANGED, person, care.guardian_id)
        queued = outbox.queue(transaction, person, "guardians/reset", "administrative-message")
        return queued if isinstance(queued, Refused) else None

    def waiting(self, transaction: Transaction, person_id: PersonId) -> list[PendingAction]:
        """Tells a minor that a guardian looked, and a guardian that something is taken back."""
        care = domain.care_of(transaction.tables, person_id)
        if care is None:
            return [
                PendingAction(
                    "Somebody in your care asks you to approve an order.",
                    "Answer",
                    f"/me/family/{each.person_id}",
                )
                for each in domain.cares(transaction.tables, person_id)
                if self.orders.waiting(transaction.tables, each.person_id)
            ]
        looks = self.looks(transaction, person_id)
        if not looks or transaction.clock.now() - looks[0].at > LOOK_NOTICE:
            return []
        text = f"Your guardian looked at your account on {format_day(looks[0].at)}."
        return [PendingAction(text, "What they saw", "/me/family")]


def dollars(amount: int) -> str:
    """An amount as somebody types it: 40.00."""
    return f"{amount // 100}.{amount % 100:02}"


def _value_of(values: Values, field: str) -> str:
    return values[field] if field in values.values else ""


def _running_plans(rows: list[dict[str, Any]]) -> tuple[str, ...]:
    """The plans that were ordered and have not ended."""
    live: dict[str, str] = {}
    for each in rows:
        if each.get("kind") == "order":
            live[str(each.get("service"))] = str(each.get("plan"))
        else:
            live.pop(str(each.get("service")), None)
    return tuple(live.values())


def _sum_usage(rows: list[dict[str, Any]]) -> tuple[tuple[str, float, float], ...]:
    """How much of each kind of service was used in all: totals, and nothing of when or where."""
    totals: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for each in rows:
        totals[str(each.get("service"))][0] += float(each.get("gigabytes", 0))
        totals[str(each.get("service"))][1] += float(each.get("hours", 0))
    return tuple((name, gigabytes, hours) for name, (gigabytes, hours) in sorted(totals.items()))


def _from_us(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those messages that we wrote: not the minor's own, and no notes of our staff."""
    return [each for each in messages if each.get("author") not in (CUSTOMER, NOTE)]
