"""The questions that a report can answer: templates over fixed bands, with bounds for one person.

Pure: what is asked, what somebody counts in it, and what it costs; the cost depends on no data.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from hashlib import sha256
from typing import Final, NamedTuple

from upheld.core.errors import UpheldError
from upheld.practice import amounts, bands
from upheld.practice.amounts import (
    SPEND,
    USAGE,
    Measure,
    bounded,
    month_choices,
    month_name,
    months_from,
)
from upheld.practice.page_groups import PAGE_GROUPS, VISITED
from upheld.practice.privacy_budget import PROFILE

STAY_MONTHS: Final = 6
BANDS_EACH: Final = {"interests": 3}  # where somebody counts in more than one band of a kind
PRECISIONS: Final = (10, 50, 100, 500)  # points
# What some templates are divided by, and nothing else.
BY_AMOUNT, BY_MONTH, BY_PAGES, BY_REACH = "amount", "month", "pages", "reach"
PAGES_EACH: Final = 3  # groups of pages in which somebody counts at most
# Whoever signs in with a browser of somebody else's takes that one's visits out of reports. The
# noise covers one such person besides: as many of their groups go out as others may come in.
CHANGED_EACH: Final = 3
REACH: Final = (bands.AREA, "age-range")
EVERYBODY: Final = "all"
_AREAS: Final = [(f"{at:03d}", f"{at:03d}") for at in range(10**bands.AREA_DIGITS)]
_REACH: Final = [
    (f"{area} {age}", f"{area}, {label}")
    for area, _ in _AREAS
    for age, label in bands.options(REACH[1])
]
_PLACES: Final = frozenset(word for word, _ in _REACH)


class ReportError(UpheldError):
    """A question that cannot be asked, or not any more; `field` is what is wrong about it."""

    field = "template"


class Template(NamedTuple):
    """A kind of question. `bound` is what one person adds at most, in whole `parts` of a unit."""

    title: str
    measure: Measure | None = None  # what the month is of
    bound: int = 0  # 0 where people alone are counted
    by: str = ""  # what it is always divided by

    @property
    def series(self) -> str:
        """The kind of data that the month is of; empty without one."""
        return self.measure.field if self.measure else ""

    @property
    def is_monthly(self) -> bool:
        """Whether it is of what happened in a month."""
        return bool(self.series) or self.by == BY_PAGES

    @property
    def parts(self) -> int:
        """How many parts a unit has."""
        return self.measure.parts if self.measure else 1

    @property
    def unit(self) -> str:
        """The unit; empty without one."""
        return self.measure.unit if self.measure else ""


TEMPLATES: Final[Mapping[str, Template]] = {
    "customers": Template("How many people"),
    "usage": Template("How much was used", USAGE, 1_000),
    "usage-bands": Template("How many used how much", USAGE, by=BY_AMOUNT),
    "spend": Template("How much was charged", SPEND, 20_000),
    "spend-bands": Template("How many were charged how much", SPEND, by=BY_AMOUNT),
    "pages": Template("How many people visited which of our pages", by=BY_PAGES),
    "reach": Template("How many people, by area and age", by=BY_REACH),
    "staying": Template("How many kept using a service", USAGE, by=BY_MONTH),
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
        if self.its.by == BY_PAGES:
            return (VISITED,)
        splits = REACH if self.its.by == BY_REACH else (self.split,) if self.split else ()
        fields = {bands.AREA if each == bands.AREA else _field_of(each) for each in splits}
        return tuple(sorted({*fields, *([self.its.series] if self.its.series else [])}))

    @property
    def months(self) -> list[str]:
        """The months whose data are read, the first one first; none where no month's are."""
        if not self.its.is_monthly:
            return []
        return months_from(self.month, STAY_MONTHS) if self.its.by == BY_MONTH else [self.month]

    @property
    def periods(self) -> list[str]:
        """The periods whose budgets pay."""
        is_of_profile = self.split or self.its.by == BY_REACH
        return [*([PROFILE] if is_of_profile else []), *self.months]

    @property
    def keys(self) -> list[tuple[str, str]]:
        """What the answer has a line for, whoever there is: a word, and how people call it."""
        its = self.its
        if its.by == BY_MONTH:
            return [(each, month_name(each)) for each in self.months]
        if its.by == BY_AMOUNT and its.measure:
            return [(str(at), its.measure.band(at)) for at in range(len(its.measure.edges))]
        if its.by == BY_PAGES:
            return [*PAGE_GROUPS.items()]
        if its.by == BY_REACH:
            return _REACH
        if self.split == bands.AREA:
            return _AREAS
        return bands.options(self.split) if self.split else [(EVERYBODY, "Everybody")]

    @property
    def lines_each(self) -> int:
        """In how many lines one person counts at most."""
        if self.its.by == BY_MONTH:
            return len(self.months)
        if self.its.by == BY_PAGES:
            return PAGES_EACH
        return BANDS_EACH.get(self.split, 1)

    @property
    def lines_changed(self) -> int:
        """By how much one person changes all numbers of people together, at most."""
        return self.lines_each * (CHANGED_EACH if self.its.by == BY_PAGES else 1)

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
    if its.by and split:
        raise _error("this report is divided by nothing else", "leave that out", "split")
    if not its.is_monthly:
        if not split and not its.by:
            raise _error("this report is divided by something", "choose by what", "split")
        return Question(template, split, today.isoformat()[:7], points)
    if month not in dict(month_choices(today)):
        raise _error("this month is not over, or too long ago", "choose one from the list", "month")
    wanted = Question(template, split, month, points)
    if its.by == BY_MONTH and wanted.months[-1] >= today.isoformat()[:7]:
        raise _error(
            f"the {STAY_MONTHS} months from then on are not over",
            "choose an earlier month",
            "month",
        )
    return wanted


def contribution(
    wanted: Question,
    values: Mapping[str, str],
    rows: Sequence[str],
    today: date,
    pages: Collection[str] = (),
    whose: str = "",
) -> dict[str, int]:
    """In which lines somebody counts, and what they add to each: within the declared bounds.

    `pages` are the groups of pages that they looked at. Of too many, some are drawn by `whose` they
    are: the first ones on the list would be counted more often than the others.
    """
    its = wanted.its
    if its.by == BY_PAGES:
        groups = sorted(PAGE_GROUPS.keys() & {*pages}, key=lambda key: _draw(whose, key))
        return dict.fromkeys(groups[:PAGES_EACH], 0)
    if its.by == BY_REACH:
        area, age = (_bands(each, values, today) for each in REACH)
        return {f"{here} {old}": 0 for here in area for old in age if f"{here} {old}" in _PLACES}
    months = amounts.by_month(its.measure, rows, wanted.months) if its.measure else {}
    if its.by == BY_MONTH:
        started = wanted.month in months
        return {each: 0 for each in wanted.months if started and each in months}
    if its.measure and wanted.month not in months:
        return {}
    if its.measure and its.by == BY_AMOUNT:
        return {str(its.measure.band_of(months[wanted.month])): 0}
    if wanted.split:
        mine = _bands(wanted.split, values, today)
        lines = [key for key, _ in wanted.keys if key in mine][: wanted.lines_each]
    else:
        lines = [EVERYBODY]
    added = bounded(months[wanted.month], its.bound) if its.bound else 0
    return dict.fromkeys(lines, added)


def _bands(split: str, values: Mapping[str, str], today: date) -> set[str]:
    """The bands of one kind in which somebody is; none for a value that says none."""
    try:
        return bands.bands_of(values, today).get(split, set())
    except ValueError:
        return set()


def _draw(whose: str, key: str) -> bytes:
    return sha256(f"{whose} {key}".encode()).digest()


def _field_of(split: str) -> str:
    return str(bands.DIMENSIONS[split]["field"])


def _error(sentence: str, hint: str, field: str = "template") -> ReportError:
    error = ReportError(sentence, code="report-question", hint=hint)
    error.field = field
    return error
