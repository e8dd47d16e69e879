"""Reports: asked within a budget that all clients share, counted in lots, answered once.

Asking moves the budget in the transaction of its entry. The people are counted in lots after it,
each person as the policy lets us use what is known about them; what is counted is kept nowhere. A
report that is cut off is counted anew and costs nothing more: no number of it was given out.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from upheld.core.errors import UpheldError
from upheld.core.ids import PersonId, ReportId
from upheld.database.columns import microseconds
from upheld.database.own_tables import Tables, to_datetime
from upheld.gate.act.duties import DutyQuestion
from upheld.gate.act.request import Act, Refused
from upheld.gate.gate import Gate
from upheld.gate.public import REGISTER
from upheld.gate.transaction import Transaction
from upheld.policy.analyse.query import query
from upheld.policy.load import Policy
from upheld.practice import noise
from upheld.practice.needs import can_ever
from upheld.practice.page_groups import MonthOfPages
from upheld.practice.plugin import Provider
from upheld.practice.privacy_budget import BUDGET, GROUP, pay, smallest_group
from upheld.practices.reports.answers import (
    LEAST,
    AnswerBasis,
    PeopleTally,
    ReportAnswer,
    answer,
)
from upheld.practices.reports.questions import (
    BY_PAGES,
    Question,
    ReportError,
    contribution,
    read_question,
)
from upheld.practices.reports.tables import report

_LOG: Final = logging.getLogger("upheld")
INSIDE, OUTSIDE = "internal-reports", "external-reports"
CLIENT: Final = "report-client"
COUNTING, ANSWERED = "counting", "answered"
ASKED, MADE = "report.ask", "report.answer"
SENTENCES: Final = {
    ASKED: "{actor} asked for an anonymous report",
    MADE: "An anonymous report was made",
}
LOT: Final = 200
_Pages = Mapping[PersonId, set[str]]  # the groups of pages that people looked at


class AnonymousReport(NamedTuple):
    """A report as it stands; `answer` is None while it is counted."""

    report_id: ReportId
    question: Question
    purpose: str
    state: str
    answer: ReportAnswer | None
    asked_at: datetime
    answered_at: datetime | None


def is_of_reports(question: DutyQuestion) -> bool:
    """Whether an act is one of a report that is being counted, and of its own data alone."""
    act = question.act
    if act.action != "use" or not act.reference:
        return False
    key = ("report", act.reference)
    shared = question.shared if question.shared is not None else {}
    if key not in shared:
        shared[key] = find(question.tables, ReportId(act.reference))
    its = shared[key]
    return (
        its is not None
        and its.state == COUNTING
        and act.purpose == its.purpose
        and {*act.data} <= {*its.question.fields}
    )


def question_of(field: str, purpose: str) -> str:
    """What the policy is asked about a kind of data."""
    return f"use {field} for {purpose}"


def basis_of(policy: Policy, wanted: Question, purpose: str) -> AnswerBasis:
    """On what an answer rests: the largest smallest group that a rule names, and the clauses."""
    answers = [query(policy, question_of(each, purpose)) for each in wanted.fields]
    clauses = {clause for its in answers for case in its.cases for clause in case.clauses}
    return AnswerBasis(smallest_group(policy) or LEAST, tuple(sorted(clauses)), policy.digest)


def stored(transaction: Transaction, wanted: Question, purpose: str) -> AnonymousReport | None:
    """A report on the same question that is as precise or more; None where there is none.

    What was made for clients outside may be read inside, and nothing the other way.
    """
    where = "question = ? AND points >= ? AND purpose IN (?, ?) ORDER BY points DESC, report_id"
    rows = transaction.tables.select(report, where, wanted.word, wanted.points, OUTSIDE, purpose)
    return _from_row(rows[0]) if rows else None


def require_allowed(policy: Policy, wanted: Question, purpose: str) -> None:
    """ReportError where the policy never lets us use what a question needs."""
    if not all(can_ever(policy, question_of(each, purpose)) for each in wanted.fields):
        raise ReportError(
            "our policy does not let us make this report",
            code="report-policy",
            hint="look at what it says of reports",
        )


def ask(
    transaction: Transaction,
    wanted: Question,
    purpose: str,
    *,
    actor: str,
    pages_of: MonthOfPages | None = None,
) -> AnonymousReport:
    """Ask a question, and pay for it unless it was asked before. It is to be `complete`d then.

    ReportError where the policy does not let us make it, or it is of pages and no `pages_of` tells
    of these; BudgetError where its budget is spent. Nothing is paid then.
    """
    require_allowed(transaction.policy, wanted, purpose)
    transaction.lock(REGISTER)  # before what was spent is read: no two pay with the same points
    if (before := stored(transaction, wanted, purpose)) is not None:
        return before
    noise.require()
    if wanted.its.by == BY_PAGES:
        _require_pages(pages_of)
    pay(transaction, wanted.periods, wanted.points)
    report_id = ReportId(secrets.token_hex(16))
    transaction.tables.insert(
        report,
        report_id=report_id,
        question=wanted.word,
        purpose=purpose,
        points=wanted.points,
        state=COUNTING,
        answer="",
        asked_at=microseconds(transaction.clock.now()),
        asked_by=actor,
        answered_at=None,
    )
    transaction.note(
        None,
        ASKED,
        actor=actor,
        id=report_id,
        purpose=purpose,
        data=wanted.fields,
        duties=(BUDGET,),
    )
    return require(transaction.tables, report_id)


def complete(
    gate: Gate, report_id: ReportId, pages_of: MonthOfPages | None = None
) -> AnonymousReport:
    """Count a report and answer it; as it stands where that was done. ReportError if there is none.

    Two that do so at once give one answer: the first that is kept. `pages_of` tells which pages
    people looked at; without it no report of these is made.
    """
    with gate.together() as transaction:
        its = require(transaction.tables, report_id)
        basis = basis_of(transaction.policy, its.question, its.purpose)
    if its.state != COUNTING:
        return its
    noise.require()
    tally, pages = PeopleTally(), _pages(gate, its.question, pages_of)
    for _ in _count(gate, its, tally, basis.group, pages):
        pass
    with gate.together() as transaction:
        transaction.lock(REGISTER)
        its = require(transaction.tables, report_id)
        if its.state != COUNTING:
            return its
        if transaction.policy.digest != basis.policy:
            later = basis_of(transaction.policy, its.question, its.purpose)
            basis = later._replace(group=max(basis.group, later.group))
        result = answer(its.question, tally, basis)
        changes = {
            "state": ANSWERED,
            "answer": msgspec.json.encode(result).decode(),
            "answered_at": microseconds(transaction.clock.now()),
        }
        transaction.tables.update(report, changes, "report_id = ?", report_id)
        transaction.note(None, MADE, id=report_id, purpose=its.purpose, clauses=result.clauses)
        return require(transaction.tables, report_id)


def _pages(gate: Gate, wanted: Question, pages_of: MonthOfPages | None) -> _Pages | None:
    """Which pages people looked at; None for a report that is not of these."""
    if wanted.its.by != BY_PAGES:
        return None
    return _require_pages(pages_of)(gate, wanted.month)


def _require_pages(pages_of: MonthOfPages | None) -> MonthOfPages:
    """Who tells which pages people looked at. ReportError where nobody does."""
    if pages_of is None:
        raise ReportError(
            "nothing here tells which pages people look at",
            code="report-pages",
            hint="start upheld with its practice of visits",
        )
    return pages_of


def _count(
    gate: Gate, its: AnonymousReport, tally: PeopleTally, group: int, pages: _Pages | None
) -> Iterator[int]:
    """Count everybody for whom the policy allows it, in lots; how many people were in each.

    Of a report of pages, nothing is used of whoever is known to have looked at none.
    """
    after = ""
    while True:
        with gate.together() as transaction:
            people = transaction.customers_after(after, LOT)
            if not people:
                return
            some = [each for each in people if pages is None or each in pages]
            _count_lot(transaction, its, some, tally, group, pages or {})
        after = people[-1]
        yield len(people)


def _count_lot(
    transaction: Transaction,
    its: AnonymousReport,
    people: list[PersonId],
    tally: PeopleTally,
    group: int,
    pages: _Pages,
) -> None:
    """Count a lot. Whoever is bound by a version that wants a larger group is not counted."""
    wanted, today = its.question, transaction.clock.today()
    present = [each for each in people if not transaction.is_erased(each)]
    outcomes = transaction.sweep(using(its), present) if present else {}
    for person_id, outcome in outcomes.items():
        if isinstance(outcome, Refused):
            continue
        duties = outcome.decision.duties
        if any(int(each.amount or 0) > group for each in duties if each.duty == GROUP):
            continue
        values = {name: value.value for name, value in outcome.values.items()}
        rows = [each.value for each in outcome.series(wanted.its.series)]
        mine, seed = pages.get(person_id, ()), f"{its.report_id} {person_id}"
        tally.add(contribution(wanted, values, rows, today, mine, seed))


def using(its: AnonymousReport) -> Act:
    """The act of using what a report needs of somebody."""
    return Act(action="use", data=its.question.fields, purpose=its.purpose, reference=its.report_id)


def pages_by(provider: Provider) -> MonthOfPages | None:
    """Who tells which pages people looked at in a month; None where no practice does."""
    return next((each.month_of_pages for each in provider.practices if each.month_of_pages), None)


def complete_all(gate: Gate, pages_of: MonthOfPages | None = None) -> int:
    """Answer the reports that were cut off; how many. The job of that name."""
    with gate.look() as tables:
        rows = tables.select_unchecked(report, ["report_id"], "state = ?", COUNTING)
    return sum(try_to_complete(gate, ReportId(report_id), pages_of) for (report_id,) in rows)


def try_to_complete(gate: Gate, report_id: ReportId, pages_of: MonthOfPages | None = None) -> bool:
    """Answer a report if that can be done now; whether it was. What it cost is paid either way.

    One that cannot be answered, such as without OpenDP, is tried again by the job, for nothing.
    """
    try:
        complete(gate, report_id, pages_of)
    except UpheldError as error:
        _LOG.warning("a report was not answered: %s", error.code)
        return False
    return True


def every(tables: Tables, purpose: str = "") -> list[AnonymousReport]:
    """All reports, or those for one purpose, the latest first."""
    rows = tables.select(report, "? IN ('', purpose) ORDER BY asked_at DESC, report_id", purpose)
    return [_from_row(each) for each in rows]


def find(tables: Tables, report_id: ReportId) -> AnonymousReport | None:
    """The report with an id; None where there is none."""
    row = tables.get(report, "report_id = ?", report_id)
    return None if row is None else _from_row(row)


def require(tables: Tables, report_id: ReportId) -> AnonymousReport:
    """The report with an id. ReportError where there is none."""
    its = find(tables, report_id)
    if its is None:
        raise ReportError("there is no such report", code="no-report", hint="look at the list")
    return its


def named(tables: Tables, beginning: str) -> AnonymousReport:
    """The one report whose id begins so. ReportError where there is none, or several."""
    its = [each for each in every(tables) if beginning and each.report_id.startswith(beginning)]
    if len(its) != 1:
        raise ReportError("there is no such report", code="no-report", hint="look at the list")
    return its[0]


def _from_row(row: Any) -> AnonymousReport:
    return AnonymousReport(
        ReportId(row.report_id),
        read_question(row.question, row.points),
        row.purpose,
        row.state,
        msgspec.json.decode(row.answer, type=ReportAnswer) if row.answer else None,
        to_datetime(row.asked_at),
        None if row.answered_at is None else to_datetime(row.answered_at),
    )
