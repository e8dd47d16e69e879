"""What is told of a report: its lines in words, as CSV, and a signed statement of its method."""

from __future__ import annotations

from hashlib import sha256
from typing import Final, NamedTuple

from upheld.gate.transaction import Transaction
from upheld.practice import noise
from upheld.practice.sheets import sheet
from upheld.practice.signatures import with_signature
from upheld.practices.reports.answers import AnswerLine, ReportAnswer, mean
from upheld.practices.reports.questions import BY_PAGES, Question
from upheld.practices.reports.reports import AnonymousReport

PURPOSE: Final = "report"  # of the key by which a statement is signed
TITLE: Final = "upheld anonymous report"


class Interval(NamedTuple):
    """A number with noise, and the ends of its interval."""

    value: float
    low: float
    high: float


class Row(NamedTuple):
    """A line of an answer as people read it; without totals where people alone are counted."""

    label: str
    people: Interval
    total: Interval | None
    mean: Interval | None


def rows_of(wanted: Question, its: ReportAnswer) -> list[Row]:
    """The lines of an answer, in the units of its template."""
    labels, parts = dict(wanted.keys), wanted.its.parts

    def row(line: AnswerLine) -> Row:
        off = its.people_off
        people = Interval(line.people, max(line.people - off, 0), line.people + off)
        if not wanted.its.bound:
            return Row(labels[line.key], people, None, None)
        off = its.total_off
        total = Interval(
            line.total / parts, max(line.total - off, 0) / parts, (line.total + off) / parts
        )
        middle = Interval(*(each / parts for each in mean(line, its)))
        return Row(labels[line.key], people, total, middle)

    return [row(each) for each in its.lines if each.key in labels]


def csv_of(wanted: Question, its: ReportAnswer) -> str:
    """The lines of an answer as CSV, with both ends of each interval."""
    unit = wanted.its.unit
    columns = ["group", "people", "people from", "people to"]
    if wanted.its.bound:
        columns += [unit, f"{unit} from", f"{unit} to"]
        columns += [f"{unit} each", f"{unit} each from", f"{unit} each to"]
    rows = [
        [row.label, *(f"{each:g}" for each in row.people)]
        + [f"{each:.2f}" for span in (row.total, row.mean) if span is not None for each in span]
        for row in rows_of(wanted, its)
    ]
    return sheet(columns, rows)


def statement(provider: str, report: AnonymousReport, its: ReportAnswer) -> str:
    """How a report was made, line by line: what is signed."""
    wanted = report.question
    bound = wanted.its.bound
    adds = f", and adds {bound / wanted.its.parts:g} {wanted.its.unit} at most" if bound else ""
    answered = "" if report.answered_at is None else report.answered_at.isoformat()
    return (
        f"{TITLE}\n"
        f"report: {report.report_id}\n"
        f"provider: {' '.join(provider.split())}\n"
        f"question: {wanted.word}\n"
        f"purpose: {report.purpose}\n"
        f"answered: {answered}\n"
        f"clauses: {', '.join(its.clauses)}\n"
        f"policy: sha256 {its.policy}\n"
        f"protects: each person; whoever is counted counts in {wanted.lines_each} of the lines at"
        f" most{adds}{_besides(wanted)}\n"
        f"noise: discrete Laplace by OpenDP, on {_lines(len(wanted.keys))} the same whoever there"
        " is\n"
        f"epsilon: {wanted.points / noise.POINTS:g}, taken from {', '.join(wanted.periods)}\n"
        f"left out: lines below {its.least} with noise, so that groups of fewer than {its.group}"
        " have a line at most once in a thousand times\n"
        f"intervals: people plus or minus {its.people_off}"
        + (f", {wanted.its.unit} {its.total_off / wanted.its.parts:g}" if bound else "")
        + ", which noise stays within 19 times in 20\n"
        f"table: sha256 {sha256(csv_of(wanted, its).encode()).hexdigest()}\n"
    )


def _lines(number: int) -> str:
    return "one line that is" if number == 1 else f"{number} lines that are"


def _besides(wanted: Question) -> str:
    if wanted.its.by != BY_PAGES:
        return ""
    return (
        "; visits with browsers of one other person, in which somebody else signed in too, may be"
        f" left out, so that one person changes {wanted.lines_changed} numbers by one at most;"
        " whoever looked at more groups counts in some that were drawn"
    )


def signed(
    transaction: Transaction, provider: str, report: AnonymousReport, its: ReportAnswer
) -> str:
    """The statement, with our signature of all the lines above it and the key (Ed25519)."""
    return with_signature(transaction, PURPOSE, statement(provider, report, its))
