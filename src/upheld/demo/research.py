"""What an analyst and a client of reports found out, and what a manager wrote for customers.

Articles for everybody and for groups, of which Ann is in one; an extract that is open and one that
waits for Max's yes; reports with noise, asked inside and by a company outside. In a demonstration
of few customers the extract ends at once and the reports have no line: fewer are in them than the
policy's smallest group. Without OpenDP there are no reports.
"""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from upheld.core.company_names import company_name
from upheld.core.ids import ArticleId, ExtractId, ReportId
from upheld.demo.months import RUNNING
from upheld.gate.transaction import GateTransaction
from upheld.practice import noise, parties
from upheld.practice.amounts import USAGE, month_choices
from upheld.practice.bands import Criteria
from upheld.practices.articles import articles
from upheld.practices.extracts import extracts
from upheld.practices.extracts.extracts import ExtractWish
from upheld.practices.reports import reports
from upheld.practices.reports.questions import question
from upheld.practices.staff import people

if TYPE_CHECKING:
    from upheld.demo.scenes import Scenes

CLIENT: Final = "valley-figures"


class _DemoArticle(NamedTuple):
    """An article: how many days ago it was written, and for whom."""

    days: int
    title: str
    text: str
    criteria: Criteria


_HOLIDAY: Final = _DemoArticle(
    38,
    "Our office is closed on Monday",
    "We are back on Tuesday at eight. What is broken is mended on Monday too: call us.",
    {},
)
_ARTICLES: Final = (
    _DemoArticle(
        31,
        "What to do when a page does not load",
        "Switch the router off, count to twenty, switch it on again and wait for the third lamp."
        "\n\nIf it still does not load, write to us under Help and say what the lamps do.",
        {},
    ),
    _DemoArticle(
        17,
        "When everybody at home watches at once",
        "A router in the middle of the house reaches further than one behind the television.\n\n"
        "Whatever stands still, such as a television, is better on a cable: the air is left for"
        " what moves.",
        {USAGE.field: ["4", "5"]},
    ),
    _DemoArticle(
        9,
        "The valley’s library lends books without paper",
        "Sign in at the library with your card and read on whatever you have. A book is a few"
        " megabytes: no plan of ours is too small for it.",
        {"interests": ["reading"]},
    ),
)
_POINTS: Final = 500
# Reports: of what, divided by what, and for whom; of the last month that is over, or of no month.
_REPORTS: Final = (
    ("usage-bands", "", reports.INSIDE),
    ("customers", "gender", reports.OUTSIDE),
    ("spend", "", reports.OUTSIDE),
)


class ResearchScenes:
    """The analyst, the client of reports, and what they asked for."""

    def __init__(self, scenes: Scenes) -> None:
        self.scenes, self.years = scenes, scenes.years
        self._extract, self._holiday = ExtractId(""), ArticleId("")

    def plan(self) -> None:
        """Let all of it happen when it is its time."""
        years = self.years
        years.plan_transaction(years.ago(40), self._desks)
        for each in (_HOLIDAY, *_ARTICLES):
            years.plan_transaction(years.ago(each.days), partial(self._write, its=each), 10)
        years.plan_transaction(years.ago(34), self._withdraw)
        years.plan_transaction(years.ago(RUNNING), self._ask_extract)
        years.plan(years.ago(RUNNING - 1), self._approve_extract)
        years.plan_transaction(years.ago(1), self._ask_another)
        if noise.is_there():
            for at, one in enumerate(_REPORTS):
                years.plan(years.ago(2), partial(self._report, *one), 10 + at)

    def _desks(self, transaction: GateTransaction) -> None:
        """Let Ivy work here, and Joy for a company that the register has as a client."""
        parties.add(transaction, company_name(CLIENT), reports.CLIENT)
        for kind, name, sign_in, roles, party in (
            ("staff", "Ivy Dean", "ivy", ("analyst",), ""),
            ("agent", "Joy Field", "joy", (), CLIENT),
        ):
            user = people.add(transaction, kind, name, sign_in, roles=roles, party=party)
            self.scenes.let_in(transaction, user)

    def _write(self, transaction: GateTransaction, its: _DemoArticle) -> None:
        actor = f"staff {self.scenes.user('max')}"
        article = articles.write(transaction, its.title, its.text, its.criteria, actor=actor)
        if its is _HOLIDAY:
            self._holiday = article.article_id

    def _withdraw(self, transaction: GateTransaction) -> None:
        """Let Max take back the article whose day is over."""
        articles.withdraw(transaction, self._holiday, actor=f"staff {self.scenes.user('max')}")

    @staticmethod
    def _wish(day: date, months: int, one_in: int, days: int, reason: str) -> ExtractWish:
        """An extract of what was used and charged in the last months that are over."""
        first = month_choices(day)[months - 1][0]
        columns = ("usage", "transaction")
        return ExtractWish("service-improvement", columns, first, months, one_in, days, reason)

    def _ask_extract(self, transaction: GateTransaction) -> None:
        today, why = transaction.clock.today(), "Who pays for a plan that is larger than their use?"
        wish = self._wish(today, 3, 1, 30, why)
        self._extract = extracts.ask(transaction, wish, self.scenes.user("ivy")).extract_id

    def _approve_extract(self) -> None:
        """Let Max say yes; its people are gathered then."""
        gate = self.years.gate
        with gate.together() as transaction:
            extracts.approve(transaction, self._extract, self.scenes.user("max"))
        extracts.gather(gate, self._extract)

    def _ask_another(self, transaction: GateTransaction) -> None:
        today, why = transaction.clock.today(), "How many would be helped by a smaller plan?"
        wish = self._wish(today, 1, 10, 7, why)
        extracts.ask(transaction, wish, self.scenes.user("ivy"))

    def _report(self, template: str, split: str, purpose: str) -> None:
        """Ask for a report, and count it."""
        gate, inside = self.years.gate, purpose == reports.INSIDE
        actor = f"staff {self.scenes.user('ivy')}" if inside else f"agent {self.scenes.user('joy')}"

        def ask(transaction: GateTransaction) -> ReportId:
            today = transaction.clock.today()
            its = question(template, split, month_choices(today)[0][0], _POINTS, today)
            return reports.ask(transaction, its, purpose, actor=actor).report_id

        with gate.together() as transaction:
            report_id = ask(transaction)
        reports.complete(gate, report_id)
