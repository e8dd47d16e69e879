"""The questions that a report can answer: templates over fixed bands, with bounds for one person.

Pure: what is asked, what somebody counts in it, and what it costs; the cost depends on no data.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Final, NamedTuple

import msgspec

from upheld.core.errors import UpheldError
from upheld.practice import bands
from upheld.practice.privacy_budget import PROFILE
from upheld.web.pages import format_month

MONTHS_MAX: Final = 24  # how far back a report goes
STAY_MONTHS: Final = 6
BANDS_EACH: Final = {"interests": 3}  # where somebody counts in more than one band of a kind
PRECISIONS: Final = (10, 50, 100, 500)  # points
USAGE, TRANSACTION = "usage", "transaction"
BY_AMOUNT, BY_MONTH = "amount", "month"  # what some templates are divided by, and nothing else
EVERYBODY: Final = "all"
_AREAS: Final = [(f"{at:03d}", f"{at:03d}") for at in range(10**bands.AREA_DIGITS)]


class ReportError(UpheldError):
    """A question that cannot be asked, or not any more."""


class Template(NamedTuple):
    """A kind of question. `bound` is what one person adds at most, in whole `parts` of a unit."""

    title: str
    series: str = ""  # the kind of data that the month is of
    bound: int = 0  # 0 where people alone are counted
    parts: int = 1
    unit: str = ""
    by: str = ""  # what it is always divided by
    edges: tuple[int, ...] = ()  # where bands of amounts begin, in parts


TEMPLATES: Final[Mapping[str, Template]] = {
    "customers": Template("How many people"),
    "usage": Template("How much was used", USAGE, 1_000, 1, "gigabytes"),
    "usage-bands": Template(
        "How many used how much", USAGE, 0, 1, "gigabytes", BY_AMOUNT, (0, 1, 10, 50, 100, 500)
    ),
    "spend": Template("How much was charged", TRANSACTION, 20_000, 100, "dollars"),
    "spend-bands": Template(
        "How many were charged how much",
        TRANSACTION,
        0,
        100,
        "dollars",
        BY_AMOUNT,
        (0, 1_000, 2_500, 5_000, 10_000, 20_000),
    ),
    "staying": Template("How many went on using a service", USAGE, by=BY_MONTH),
}
SPLITS: Final = {bands.AREA: "Area", **{w: its["label"] for w, its in bands.DIMENSIONS.items()}}


class Question(NamedTuple):
    """What is asked: a template, what it is divided by (empty for nothing), a month, a price."""

    template: str
    split: str
    month: str
    points: int

    @property
    def word(self) -> str:
        """The question without its price, as it is kept."""
        return "/".join((self.template, self.split or EVERYBODY, self.month))

    @property
    def its(self) -> Template:
        """The template."""
        return TEMPLATES[self.template]

    @property
    def fields(self) -> tuple[str, ...]:
        """The kinds of data that are read of each person."""
        field = {bands.AREA: bands.AREA}.get(self.split) or bands.DIMENSIONS.get(
            self.split, {}
        ).get("field", "")
        return tuple(sorted({each for each in (self.its.series, field) if each}))

    @property
    def months(self) -> list[str]:
        """The months whose data are read, the first one first; none where no month's are."""
        if not self.its.series:
            return []
        return months_from(self.month, STAY_MONTHS) if self.its.by == BY_MONTH else [self.month]

    @property
    def periods(self) -> list[str]:
        """The periods whose budgets pay."""
        return [*([PROFILE] if self.split else []), *self.months]

    @property
    def keys(self) -> list[tuple[str, str]]:
        """What the answer has a line for, whoever there is: a word, and how people call it."""
        its = self.its
        if its.by == BY_MONTH:
            return [(each, month_name(each)) for each in self.months]
        if its.by == BY_AMOUNT:
            return [(str(at), _band(its, at)) for at in range(len(its.edges))]
        if self.split == bands.AREA:
            return _AREAS
        return bands.options(self.split) if self.split else [(EVERYBODY, "Everybody")]

    @property
    def lines_each(self) -> int:
        """In how many lines one person counts at most."""
        if self.its.by == BY_MONTH:
            return len(self.months)
        return BANDS_EACH.get(self.split, 1)

    def title(self) -> str:
        """The question as people read it."""
        by = f", by {SPLITS[self.split].lower()}" if self.split else ""
        return f"{self.its.title}{by}, {month_name(self.month)}"


def read_question(word: str, points: int) -> Question:
    """The question of a word that was kept."""
    template, split, month = word.split("/")
    return Question(template, "" if split == EVERYBODY else split, month, points)


def question(template: str, split: str, month: str, points: int, today: date) -> Question:
    """A question that can be asked on a day. ReportError for any other."""
    if template not in TEMPLATES or split not in {"", *SPLITS} or points not in PRECISIONS:
        raise _error("there is no such report", "choose from the list")
    its = TEMPLATES[template]
    if not its.series:
        if not split:
            raise _error("this report is divided by something", "choose by what")
        return Question(template, split, today.isoformat()[:7], points)
    if its.by and split:
        raise _error("this report is divided by nothing else", "leave that out")
    if month not in dict(month_choices(today)):
        raise _error("this month is not over, or too long ago", "choose one from the list")
    wanted = Question(template, split, month, points)
    if its.by == BY_MONTH and wanted.months[-1] >= today.isoformat()[:7]:
        raise _error(
            f"the {STAY_MONTHS} months from then on are not over", "choose an earlier month"
        )
    return wanted


def months_from(first: str, count: int) -> list[str]:
    """So many months from one on."""
    year, month = map(int, first.split("-"))
    at = year * 12 + month - 1
    return [f"{each // 12:04d}-{each % 12 + 1:02d}" for each in range(at, at + count)]


def month_choices(today: date) -> list[tuple[str, str]]:
    """The months that are over and can be asked about, the latest first."""
    at = today.year * 12 + today.month - 1
    words = [f"{each // 12:04d}-{each % 12 + 1:02d}" for each in range(at - MONTHS_MAX, at)]
    return [(each, month_name(each)) for each in reversed(words)]


def month_name(month: str) -> str:
    """A month as people say it."""
    return format_month(date.fromisoformat(f"{month}-01"))


def _band(its: Template, at: int) -> str:
    low = its.edges[at] // its.parts
    if at + 1 == len(its.edges):
        return f"{low} {its.unit} or more"
    return f"{low} to under {its.edges[at + 1] // its.parts} {its.unit}"


class _UsedRow(msgspec.Struct, frozen=True):
    """Of a row of the series `usage`, what a report reads."""

    month: str
    gigabytes: float = 0


class _ChargedRow(msgspec.Struct, frozen=True):
    """Of a row of the series `transaction`, what a report reads."""

    kind: str
    date: str
    cents: int = 0


def _amounts(its: Template, rows: Iterable[str]) -> dict[str, float]:
    """What somebody used or was charged, by month, in parts; unreadable rows count for nothing."""
    result: dict[str, float] = {}
    for text in rows:
        try:
            if its.series == USAGE:
                used = msgspec.json.decode(text, type=_UsedRow)
                month, amount = used.month, used.gigabytes * its.parts
            else:
                charged = msgspec.json.decode(text, type=_ChargedRow)
                if charged.kind != "invoice":
                    continue
                month, amount = charged.date[:7], charged.cents
        except msgspec.DecodeError:
            continue
        result[month] = result.get(month, 0) + amount
    return result


def bounded(amount: float, bound: int) -> int:
    """A whole amount from nothing to a bound; nothing for what is no number."""
    if math.isnan(amount):
        return 0
    return round(min(max(amount, 0), bound))


def contribution(
    wanted: Question, values: Mapping[str, str], rows: Sequence[str], today: date
) -> dict[str, int]:
    """In which lines somebody counts, and what they add to each: within the declared bounds."""
    its = wanted.its
    amounts = _amounts(its, rows) if its.series else {}
    if its.by == BY_MONTH:
        started = wanted.month in amounts
        return {each: 0 for each in wanted.months if started and each in amounts}
    if its.series and wanted.month not in amounts:
        return {}
    if its.by == BY_AMOUNT:
        amount = bounded(amounts[wanted.month], its.edges[-1])
        return {str(max(at for at, edge in enumerate(its.edges) if edge <= amount)): 0}
    if wanted.split:
        mine = _bands(wanted.split, values, today)
        lines = [key for key, _ in wanted.keys if key in mine][: wanted.lines_each]
    else:
        lines = [EVERYBODY]
    added = bounded(amounts[wanted.month], its.bound) if its.bound else 0
    return dict.fromkeys(lines, added)


def _bands(split: str, values: Mapping[str, str], today: date) -> set[str]:
    """The bands of one kind in which somebody is; none for a value that says none."""
    try:
        return bands.bands_of(values, today).get(split, set())
    except ValueError:
        return set()


def _error(sentence: str, hint: str) -> ReportError:
    return ReportError(sentence, code="report-question", hint=hint)
