"""The customer's pages about services, balance, usage and mail. Each look is an act at the gate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from upheld.core.ids import PersonId
from upheld.database.own_tables import Tables
from upheld.gate.act.execution import Outcome
from upheld.gate.act.request import Act, Refused
from upheld.gate.transaction import Transaction
from upheld.practice.consequences import (
    Banner,
    Confirmation,
    confirmation_page,
    redirect_with_banner,
    require_confirmation,
    short_reference,
)
from upheld.practice.endpoints import Visit
from upheld.practice.plugin import Provider
from upheld.practice.purchases import Purchase, PurchaseRequest
from upheld.practices.billing import books, services, suppliers, usage
from upheld.practices.billing.books import AccountStep, Invoice
from upheld.practices.billing.order_questions import (
    ask_confirmation,
    asked_banner,
    end_confirmation,
    order_confirmation,
    title_of,
    total_with,
)
from upheld.practices.billing.plans import ServicePlan, titles
from upheld.practices.billing.refusals import refusal
from upheld.practices.billing.services import ServicePeriod
from upheld.practices.billing.usage import UsageTable
from upheld.web import charts
from upheld.web.forms import EMPTY, Field, Filled, read
from upheld.web.pages import money

LATEST: Final = 8  # steps of a balance that are shown; those before are folded
SMALL: Final = 10  # gigabytes: a chart of less says tenths
FEW: Final = 2  # steps that are not folded alone
ASK: Final = "If you think that this is wrong, write or call: see the foot of this page."


def view_fields(transaction: Transaction, person_id: PersonId, *fields: str) -> Outcome:
    """What a customer sees of themselves."""
    act = Act(action="view", data=fields, actor="customer", purpose="service-provision")
    return transaction.act(act, person_id, entitled=True)


def _split(
    steps: Sequence[AccountStep], open_amounts: Mapping[str, int]
) -> tuple[Sequence[AccountStep], Sequence[AccountStep]]:
    """The latest steps, with every invoice that is open among them; and those before."""
    unpaid = [
        at
        for at, each in enumerate(steps)
        if isinstance(each.row, Invoice) and open_amounts[each.row.number]
    ]
    count = max(LATEST, unpaid[-1] + 1 if unpaid else 0)
    if len(steps) <= count + FEW:  # so few are not worth a click
        count = len(steps)
    return steps[:count], steps[count:]


class AccountPages:
    """Services, balance, usage, mail."""

    def __init__(self, provider: Provider, plans: Mapping[str, ServicePlan]) -> None:
        self.provider, self.plans = provider, plans
        self.titles = titles(plans)
        self.order_fields = (
            Field(
                "plan",
                "Plan",
                "select",
                options=[(plan.id, f"{plan.title}, {plan.line}") for plan in plans.values()],
            ),
        )

    async def services(self, visit: Visit, filled: Filled = EMPTY) -> Response:
        """What somebody has, with the details of each plan, and what they could order."""
        result = await self.provider.attempt(
            lambda transaction: view_fields(transaction, visit.subject, services.SERVICES)
        )
        if isinstance(result, Refused):
            return self._refusal_page(visit, result, "We may not show your services.")
        periods = services.service_periods(each.value for each in result.series(services.SERVICES))
        now = [each for each in periods if not each.until]
        return self.provider.pages.page(
            visit.request,
            "billing/services.html",
            status=200 if filled.ok else 422,
            now=now,
            ended=[each for each in periods if each.until],
            plans=self.plans,
            filled=filled,
            fields=self.order_fields,
            cents=sum(self.plans[each.plan].cents for each in now if each.plan in self.plans),
        )

    async def ask_order(self, visit: Visit) -> Response:
        """What an order does and costs, before it is made."""
        query = visit.request.query_params
        filled = read(self.order_fields, {"plan": query.get("plan", "")})
        if not filled.ok:
            return await self.services(visit, filled)
        return await self._order_page(visit, self.plans[filled.values["plan"]])

    async def _order_page(self, visit: Visit, plan: ServicePlan) -> Response:
        now = await self._now(visit)
        if isinstance(now, Refused):
            return self._refusal_page(visit, now, "We may not show your services.")
        if any(each.plan == plan.id for each in now):
            return await self.services(
                visit, EMPTY.wrong("plan", f"You have {plan.title} already.")
            )
        confirmation = await self.provider.read(
            lambda tables: self._order_question(tables, visit.subject, plan, now)
        )
        return confirmation_page(self.provider, visit.request, visit.session, confirmation)

    def _order_question(
        self, tables: Tables, person_id: PersonId, plan: ServicePlan, now: Sequence[ServicePeriod]
    ) -> Confirmation:
        if plan.cents and self.provider.approval_for(tables, person_id):
            return ask_confirmation(plan, now, self.plans)
        is_payer = self.provider.payer_of(tables, person_id) == person_id
        supplied = suppliers.sentence(self.provider.policy, plan)
        return order_confirmation(plan, now, self.plans, is_payer=is_payer, supplied=supplied)

    async def _now(self, visit: Visit) -> list[ServicePeriod] | Refused:
        """What somebody has now, as they see it."""
        result = await self.provider.attempt(
            lambda transaction: view_fields(transaction, visit.subject, services.SERVICES)
        )
        if isinstance(result, Refused):
            return result
        periods = services.service_periods(each.value for each in result.series(services.SERVICES))
        return [each for each in periods if not each.until]

    async def order(self, visit: Visit) -> Response:
        """Order a plan, at the price that was shown before."""
        filled = read(self.order_fields, visit.form)
        if not filled.ok:
            return await self.services(visit, filled)
        plan = self.plans[filled.values["plan"]]

        def work(transaction: Transaction) -> str | PurchaseRequest | Refused:
            transaction.lock(visit.subject)
            now = services.current_services(transaction, visit.subject)
            if isinstance(now, Refused):
                return now
            if any(each.plan == plan.id for each in now):
                return ""
            if bar := self.provider.order_bar(transaction, visit.subject, plan.service):
                return PurchaseRequest("", bar)
            if transaction.peek(visit.subject, Act(action="serve")).allowed:
                question = self._order_question(transaction.tables, visit.subject, plan, now)
                require_confirmation(self.provider, transaction.tables, visit, question)
                approval = self.provider.approval_for(transaction.tables, visit.subject)
                if plan.cents and approval is not None:
                    total = total_with(plan, now, self.plans)
                    purchase = Purchase(plan.id, plan.title, plan.cents, total)
                    return approval.ask(transaction, visit.subject, purchase)
            refused = services.order(transaction, visit.subject, plan)
            return refused or services.latest_order(transaction.tables, visit.subject)

        result = await self.provider.attempt(work)
        if isinstance(result, Refused):
            return self._refusal_page(visit, result, "You cannot order this now.", "/me/services")
        if not result:  # they have it already
            return RedirectResponse("/me/services", 303)
        if isinstance(result, PurchaseRequest):
            if result.problem:
                return await self.services(visit, filled.wrong("plan", result.problem))
            return redirect_with_banner(
                self.provider, visit.session, "/me/services", asked_banner(plan, result.code)
            )
        banner = Banner(
            f"You ordered {plan.title} for {money(plan.cents)} a month.",
            short_reference(result),
            f"/me/services/end/{plan.service}",
        )
        return redirect_with_banner(self.provider, visit.session, "/me/services", banner)

    async def ask_end(self, visit: Visit) -> Response:
        """What ending a service does, before it is ended."""
        service = self._service_of(visit.request.path_params["service"])
        now = await self._now(visit)
        if isinstance(now, Refused):
            return self._refusal_page(visit, now, "We may not show your services.")
        ending = next((each for each in now if each.service == service), None)
        if ending is None:
            raise HTTPException(404)
        confirmation = end_confirmation(ending, now, self.plans)
        return confirmation_page(self.provider, visit.request, visit.session, confirmation)

    async def end(self, visit: Visit) -> Response:
        """End a service."""
        service = self._service_of(visit.form.get("service", ""))

        def work(transaction: Transaction) -> tuple[str, str] | Refused | None:
            transaction.lock(visit.subject)
            now = services.current_services(transaction, visit.subject)
            if isinstance(now, Refused):
                return now
            ending = next((each for each in now if each.service == service), None)
            if ending is None:
                return None
            question = end_confirmation(ending, now, self.plans)
            require_confirmation(self.provider, transaction.tables, visit, question)
            refused = services.end(transaction, visit.subject, service)
            latest = services.latest_order(transaction.tables, visit.subject)
            return refused or (ending.plan, latest)

        result = await self.provider.attempt(work)
        if isinstance(result, Refused):
            return self._refusal_page(visit, result, "We may not note this.", "/me/services")
        if result is None:  # it was over before
            return RedirectResponse("/me/services", 303)
        plan, order_id = result
        banner = Banner(
            f"You ended {title_of(plan, self.plans)}. Its last days are on your next bill.",
            short_reference(order_id),
            f"/me/services/order?plan={plan}" if plan in self.plans else "",
        )
        return redirect_with_banner(self.provider, visit.session, "/me/services", banner)

    async def passwords(self, visit: Visit) -> Response:
        """The services that have a password of their own, to give one another."""
        result = await self.provider.attempt(
            lambda transaction: view_fields(transaction, visit.subject, services.SERVICES)
        )
        if isinstance(result, Refused):
            return self._refusal_page(visit, result, "We may not show your services.")
        periods = services.service_periods(each.value for each in result.series(services.SERVICES))
        now = [each for each in periods if not each.until]
        return self.provider.pages.page(
            visit.request,
            "billing/passwords.html",
            password="",
            service="",
            plans=services.plans_with_password(now, self.plans),
        )

    async def new_password(self, visit: Visit) -> Response:
        """Give a service another password, and show it in this answer alone."""
        service = self._service_of(visit.form.get("service", ""))

        def change(transaction: Transaction) -> str | Refused | None:
            now = services.current_services(transaction, visit.subject)
            if isinstance(now, Refused):
                return now
            if service not in {p.service for p in services.plans_with_password(now, self.plans)}:
                return None
            return services.new_password(transaction, visit.subject, service)

        result = await self.provider.attempt(change)
        if isinstance(result, Refused):
            return self._refusal_page(
                visit, result, "We may not change this password.", "/me/services"
            )
        if result is None:
            raise HTTPException(404)
        return self.provider.pages.page(
            visit.request,
            "billing/passwords.html",
            password=result,
            plans=[],
            service=self.titles[service],
        )

    def _service_of(self, service: object) -> str:
        if not isinstance(service, str) or service not in {p.service for p in self.plans.values()}:
            raise HTTPException(404)
        return service

    async def balance(self, visit: Visit) -> Response:
        """The balance, and every invoice and payment that it comes from."""

        def look(transaction: Transaction) -> tuple[Outcome, str]:
            return (
                view_fields(transaction, visit.subject, books.TRANSACTION),
                self.provider.payer_of(transaction.tables, visit.subject),
            )

        result, payer = await self.provider.do(look)
        if isinstance(result, Refused):
            return self._refusal_page(visit, result, "We may not show your balance.")
        rows = books.rows_of(each.value for each in result.series(books.TRANSACTION))
        history = books.history(rows)
        today = self.provider.today()
        open_amounts = {each.number: each.open for each in history.invoices}
        latest, earlier = _split(books.steps(rows)[::-1], open_amounts)
        return self.provider.pages.page(
            visit.request,
            "billing/balance.html",
            steps=latest,
            earlier=earlier,
            history=history,
            open=open_amounts,
            today=today,
            due=history.due(today),
            others=payer != visit.subject,
        )

    async def statement(self, visit: Visit) -> Response:
        """One invoice, to be printed."""

        def look(transaction: Transaction) -> Outcome:
            return view_fields(
                transaction, visit.subject, books.TRANSACTION, "name", "address", "account-id"
            )

        result = await self.provider.attempt(look)
        if isinstance(result, Refused):
            return self._refusal_page(visit, result, "We may not show this invoice.", "/me/balance")
        rows = books.rows_of(each.value for each in result.series(books.TRANSACTION))
        number = visit.request.path_params["number"]
        invoice = next((r for r in rows if isinstance(r, Invoice) and r.number == number), None)
        if invoice is None:
            raise HTTPException(404)
        open_amounts = {each.number: each.open for each in books.history(rows).invoices}
        letterhead = {
            f: result[f] if f in result.values else "" for f in ("name", "address", "account-id")
        }
        return self.provider.pages.page(
            visit.request,
            "billing/statement.html",
            invoice=invoice,
            open=open_amounts[number],
            who=letterhead,
            today=self.provider.today(),
        )

    async def usage(self, visit: Visit) -> Response:
        """What was used over the months that somebody chose, as chart and table."""
        today = self.provider.today()
        months = usage.choices(today)
        fields = (
            Field("from", "From", "select", options=months),
            Field("to", "to", "select", options=months),
        )
        query = visit.request.query_params
        year = (today.replace(day=1) - timedelta(days=334)).isoformat()[:7]
        filled = read(
            fields, {"from": query.get("from", year), "to": query.get("to", months[0][0])}
        )
        first, last = (filled.shown[each] for each in ("from", "to"))
        if filled.ok and first > last:
            filled = filled.wrong("to", "Choose a month that is not before the first.")
        if not filled.ok:
            first, last = year, months[0][0]
        result = await self.provider.attempt(
            lambda transaction: view_fields(transaction, visit.subject, usage.USAGE)
        )
        if isinstance(result, Refused):
            return self._refusal_page(visit, result, "We may not show your usage.")
        table = usage.usage_table((each.value for each in result.series(usage.USAGE)), first, last)
        drawings = [(service, self._chart(table, service)) for service in table.services]
        return self.provider.pages.page(
            visit.request,
            "billing/usage.html",
            status=200 if filled.ok else 422,
            table=table,
            charts=drawings,
            titles=self.titles,
            fields=fields,
            filled=filled,
            month_names=dict(months),
            first=first,
            last=last,
        )

    def _chart(self, table: UsageTable, service: str) -> str:
        bars: list[tuple[str, float, str]] = []
        most = max((by[service].gigabytes for _, by in table.months if service in by), default=0)
        digits = 1 if most < SMALL else 0
        for month, by_service in table.months:
            if service in by_service:
                day = date.fromisoformat(month + "-01")
                label = f"{day:%b %y}" if not bars or day.month == 1 else f"{day:%b}"
                amount = by_service[service].gigabytes
                bars.append((label, amount, f"{amount:,.{digits}f}"))
        return charts.bars(f"Gigabytes of {self.titles.get(service, service)} by month", bars)

    async def mail(self, visit: Visit) -> Response:
        """Where mail is read; what is in it is the customer's own."""
        clauses = {c.id: c.text for c in self.provider.policy.program.clauses}
        return self.provider.pages.page(
            visit.request,
            "billing/mail.html",
            clause=clauses.get("mail", ""),
        )

    def _refusal_page(
        self, visit: Visit, denial: Refused, what: str, back: str = "/me"
    ) -> Response:
        return refusal(self.provider, visit.request, denial, what, ASK, back)
