"""Pages of reports: a list with the form, what an answer costs, and each answer with its chart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from upheld.core.ids import ReportId
from upheld.gate.transaction import Transaction
from upheld.practice import noise, privacy_budget
from upheld.practice.amounts import month_choices, month_name
from upheld.practice.citations import quote_clauses
from upheld.practice.consequences import Confirmation, require_confirmation
from upheld.practice.endpoints import Visit
from upheld.practice.needs import can_ever
from upheld.practice.operators import MANAGER
from upheld.practice.plugin import Provider
from upheld.practice.privacy_budget import PROFILE, BudgetError
from upheld.practices.reports import answers, method, reports
from upheld.practices.reports.answers import LEAST, ReportAnswer
from upheld.practices.reports.method import Row
from upheld.practices.reports.questions import (
    BY_PAGES,
    PRECISIONS,
    SPLITS,
    TEMPLATES,
    Question,
    ReportError,
    question,
)
from upheld.practices.reports.reports import AnonymousReport
from upheld.web import charts
from upheld.web.forms import EMPTY, Field, Filled, read
from upheld.web.kit import Refusal
from upheld.web.pages import KEEP_OUT, STARTS

CLAUSE: Final = "reports"
ANALYST: Final = "analyst"
CHART_MAX: Final = 24  # bars; the table has all
_DIVIDED: Final = (
    "Only for how many people, how much was used, and how much was charged; the others are already"
    " divided."
)
_NO_CLIENT: Final = (
    "This page is for clients of our reports.",
    "Our register does not have your company as one. If it is to read reports, write to us.",
)


class Desk(NamedTuple):
    """Whose pages they are: where they lie, what reports are for, and which roles may come in."""

    kind: str
    here: str
    purpose: str
    roles: tuple[str, ...]


STAFF: Final = Desk("staff", "/staff/reports", reports.INSIDE, (MANAGER, ANALYST))
CLIENTS: Final = Desk("agent", "/reports", reports.OUTSIDE, (reports.CLIENT,))


class ReportPages:
    """The pages of one kind of client; both are held to the same bar."""

    def __init__(self, provider: Provider, desk: Desk) -> None:
        self.provider, self.desk = provider, desk

    async def show(self, visit: Visit, filled: Filled = EMPTY, status: int = 200) -> Response:
        """The reports there are, what is left of each budget, and the form."""
        self._require_client(visit)
        purpose = reports.OUTSIDE if self.desk is CLIENTS else ""

        def look(transaction: Transaction) -> dict[str, Any]:
            tables = transaction.tables
            return {
                "rows": reports.every(tables, purpose),
                "budgets": self._budgets(privacy_budget.spent(tables)),
            }

        words = await self.provider.do(look)
        return self.provider.pages.page(
            visit.request,
            "reports/list.html",
            status=status,
            desk=self.desk.here,
            fields=self._fields(),
            filled=filled,
            is_open=self._is_open(),
            is_inside=self.desk is STAFF,
            missing=privacy_budget.missing(self.provider.policy),
            most=_epsilon(privacy_budget.budget_of(self.provider.policy)),
            quotes=quote_clauses(self.provider.policy, [CLAUSE]),
            **words,
        )

    async def ask(self, visit: Visit) -> Response:
        """Ask a question, once its price was agreed to; one that was asked before costs nothing."""
        actor = self._require_client(visit)
        filled = read(self._fields(), visit.form)
        if not filled.ok:
            return await self.show(visit, filled, 422)
        try:
            wanted = self._question(filled.values)
            its = await self.provider.do(lambda t: self._ask(t, visit, wanted, actor))
        except (ReportError, BudgetError, noise.NoiseError) as error:
            field = error.field if isinstance(error, ReportError) else "template"
            return await self.show(visit, filled.wrong(field, error.in_sentences()), 422)
        gate, pages_of = self.provider.gate.gate, reports.pages_by(self.provider)
        await self.provider.run_in_thread(reports.try_to_complete, gate, its.report_id, pages_of)
        return RedirectResponse(f"{self.desk.here}/{its.report_id}", 303)

    def _ask(
        self, transaction: Transaction, visit: Visit, wanted: Question, actor: str
    ) -> AnonymousReport:
        """The report that answers a question; one that costs something waits for a yes."""
        before = reports.stored(transaction, wanted, self.desk.purpose)
        pages_of = reports.pages_by(self.provider)
        its = reports.ask(transaction, wanted, self.desk.purpose, actor=actor, pages_of=pages_of)
        if before is None:
            spent = privacy_budget.spent(transaction.tables)
            require_confirmation(
                self.provider, transaction.tables, visit, self._confirmation(wanted, spent)
            )
        return its

    def _confirmation(self, wanted: Question, spent: Mapping[str, int]) -> Confirmation:
        most = privacy_budget.budget_of(self.provider.policy)
        return Confirmation(
            wanted.title(),
            self._consequences(wanted),
            self.desk.here,
            "Make the report",
            self.desk.here,
            values={
                "template": wanted.template,
                "split": wanted.split,
                "month": wanted.month if wanted.its.is_monthly else "",
                "points": str(wanted.points),
            },
            costs=[
                ("Costs (epsilon)", _epsilon(wanted.points)),
                *(
                    (
                        f"Left then of {_epsilon(most)} for {_period(each)}",
                        _epsilon(most - spent[each]),
                    )
                    for each in wanted.periods
                ),
            ],
            quotes=quote_clauses(self.provider.policy, [CLAUSE]),
        )

    def _consequences(self, wanted: Question) -> list[str]:
        """What somebody gets for the price: all of it is known before anybody is counted."""
        how, its = answers.precision(wanted), wanted.its
        least = (privacy_budget.smallest_group(self.provider.policy) or LEAST) + how.margin
        result = [
            f"Noise moves each number of people by at most {how.people_off:,}, 19 times in 20."
        ]
        if its.bound:
            off = f"{how.total_off / its.parts:,.0f} {its.unit}"
            result.append(f"Noise moves each sum by at most {off}, 19 times in 20.")
            cap = f"{its.bound / its.parts:,.0f} {its.unit}"
            result.append(f"What one person adds beyond {cap} is not counted.")
        return [
            *result,
            f"Groups of fewer than about {least:,} have no line.",
            "It costs the same whatever comes out.",
            "What is spent never comes back, for you or anybody else.",
        ]

    def _question(self, values: Mapping[str, str]) -> Question:
        return question(
            values["template"],
            values.get("split", ""),
            values.get("month", ""),
            int(values["points"]),
            self.provider.today(),
        )

    async def show_one(self, visit: Visit) -> Response:
        """One report: chart, table, and how it was made."""
        its = await self._its(visit)
        answer = its.answer
        rows = method.rows_of(its.question, answer) if answer else []
        title = its.question.title()
        return self.provider.pages.page(
            visit.request,
            "reports/report.html",
            desk=self.desk.here,
            its=its,
            title=title,
            answer=answer,
            rows=rows,
            charts=_charts(its.question, rows[:CHART_MAX]),
            chart_max=CHART_MAX,
            epsilon=_epsilon(its.question.points),
            periods=[_period(each) for each in its.question.periods],
            shape=its.question.its,
            quotes=quote_clauses(self.provider.policy, answer.clauses if answer else [CLAUSE]),
        )

    async def table(self, visit: Visit) -> Response:
        """An answer as CSV."""
        its = await self._its(visit)
        answer = _answered(its)
        headers = {
            **KEEP_OUT,
            "content-disposition": f'attachment; filename="report-{its.report_id[:8]}.csv"',
        }
        text = method.csv_of(its.question, answer)
        return Response(text.encode(), 200, headers, "text/csv; charset=utf-8")

    async def statement(self, visit: Visit) -> Response:
        """How an answer was made, signed."""
        its = await self._its(visit)
        answer, name = _answered(its), self.provider.policy.program.front.provider
        text = await self.provider.do(lambda t: method.signed(t, name, its, answer))
        return PlainTextResponse(text, headers=KEEP_OUT)

    async def _its(self, visit: Visit) -> AnonymousReport:
        self._require_client(visit)
        report_id = ReportId(visit.request.path_params["report"])
        its = await self.provider.read(lambda tables: reports.find(tables, report_id))
        if its is None or (self.desk is CLIENTS and its.purpose != reports.OUTSIDE):
            raise HTTPException(404)
        return its

    def _require_client(self, visit: Visit) -> str:
        """Whoever visits, as an entry names them; refused unless they are a client of reports."""
        user = visit.user
        if user is None or not {*user.roles} & {*self.desk.roles}:
            if self.desk is CLIENTS:
                raise Refusal(403, *_NO_CLIENT, STARTS["agent"][1])
            raise HTTPException(403)
        return f"{self.desk.kind} {user.user_id}"

    def _is_open(self) -> bool:
        """Whether the policy can let us make any report for these clients."""
        policy = self.provider.policy
        fields = ("birth-date", "usage")
        return any(
            can_ever(policy, reports.question_of(each, self.desk.purpose)) for each in fields
        )

    def _fields(self) -> tuple[Field, ...]:
        return (
            Field("template", "Report", "select", options=self._templates()),
            Field(
                "split",
                "Divided by",
                "select",
                required=False,
                options=list(SPLITS.items()),
                hint=_DIVIDED,
            ),
            Field(
                "month",
                "Month",
                "select",
                required=False,
                options=month_choices(self.provider.today()),
                hint="How many people there are, also by area and age, is counted as of today.",
            ),
            Field(
                "points",
                "Precision",
                "select",
                options=[(str(each), _precision(each)) for each in PRECISIONS],
                hint="The more precise, the more of the budget it costs, whatever the answer is.",
            ),
        )

    def _templates(self) -> list[tuple[str, str]]:
        """The templates that can be answered here: those of pages where something tells of them."""
        hides_pages = reports.pages_by(self.provider) is None
        return [
            (word, its.title)
            for word, its in TEMPLATES.items()
            if not (hides_pages and its.by == BY_PAGES)
        ]

    def _budgets(self, spent: Mapping[str, int]) -> list[tuple[str, str, str]]:
        most = privacy_budget.budget_of(self.provider.policy)
        return [
            (_period(each), _epsilon(points), _epsilon(max(most - points, 0)))
            for each, points in sorted(spent.items(), reverse=True)
        ]


def _answered(its: AnonymousReport) -> ReportAnswer:
    if its.answer is None:
        raise HTTPException(404)
    return its.answer


def _epsilon(points: int) -> str:
    return f"{points / noise.POINTS:g}"


def _precision(points: int) -> str:
    off = noise.width(noise.scale_of(1, points), answers.INTERVAL)
    return f"Costs {_epsilon(points)}: numbers of people to within {off:,}"


def _period(period: str) -> str:
    return "what people told of themselves" if period == PROFILE else month_name(period)


def _charts(wanted: Question, rows: Sequence[Row]) -> list[tuple[str, Markup]]:
    """The charts of an answer, each with what it shows: of people, and of a sum what each adds."""
    people = [(row.label, *row.people, f"{row.people.value:,.0f}") for row in rows]
    result = [("People", charts.intervals("People", people))]
    if wanted.its.bound:
        title = f"{wanted.its.unit.capitalize()} for each person"
        each = [(row.label, *row.mean, f"{row.mean.value:,.2f}") for row in rows if row.mean]
        result.insert(0, (title, charts.intervals(title, each)))
    return result
