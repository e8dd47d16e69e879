"""What the console's rarer desks show: a programme, a feed, an incident, legal demands.

Each is done by those of the staff who may, on its day, as their pages would do it.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from hashlib import sha256
from importlib import resources
from itertools import count
from typing import TYPE_CHECKING, Final

import pyrage

from upheld.core.company_names import company_name
from upheld.core.ids import IncidentId
from upheld.demo.months import done
from upheld.gate.operations.misuse import PARTNER, TABLE, VALUES, Misuse
from upheld.gate.transaction import GateTransaction
from upheld.practice import parties, party_keys, terms
from upheld.practices.accounts import domain as accounts
from upheld.practices.feeds import feeds
from upheld.practices.feeds.feeds import FeedLine
from upheld.practices.incidents.incidents import Incidents
from upheld.practices.legal.demands import INFORMAL, Demand
from upheld.practices.legal.instruments import Instruments
from upheld.practices.programmes import members, programmes
from upheld.practices.programmes.programmes import ProgrammeDraft

if TYPE_CHECKING:
    from upheld.demo.scenes import Scenes

AGENCY: Final = "harbour-collections"
CLUB: Final = "valley-library"
BOOKSHOP: Final = "Mill Books"
TERMS_MONTH: Final = 14  # in which the second version of the terms was posted
TERMS_VERSION: Final = "2"
TERMS_CHANGE: Final = ("within fourteen days", "within fourteen days; by card or by transfer")
_NOTICE: Final = (
    "A computer of the company that collects debts for us was stolen. What we had given it about"
    " your unpaid invoices was on its disk, which was encrypted. You need not do anything. Write to"
    " us under Help if you have a question."
)
_REMARK: Final = "The company has locked the computer from afar, and changed its passwords."
_DRILL_NOTICE: Final = (
    "A disk of ours was lost in the night. What you told us was on it, encrypted, and the key to it"
    " was not. You need not do anything. Write to us under Help if you have a question."
)
_DRILL_REMARK: Final = (
    "The notice waited for a second person over night. Next time whoever is on call approves it."
)
# An empty page: the scan of a document that nobody wrote.
_DOCUMENT: Final = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>endobj\n"
    b"trailer<</Root 1 0 R>>\n%%EOF\n"
)


def first_terms() -> str:
    """The text of the terms in the demonstration, as they were before the second version."""
    return (resources.files("upheld.demo") / "terms.md").read_text(encoding="utf-8")


class Desks:
    """A programme that two joined, an incident and a practice alarm, legal demands, terms."""

    def __init__(self, scenes: Scenes) -> None:
        self.scenes, self.years = scenes, scenes.years
        self._programme = ""
        self._practice = IncidentId("")

    def plan(self) -> None:
        """Let all of it happen when it is its time."""
        years = self.years
        years.plan_transaction(
            years.month(0).first, lambda t: terms.begin(t, years.provider.settings.agreement), 4
        )
        years.plan_transaction(years.month(TERMS_MONTH).first, self._new_terms, 14)
        years.plan_transaction(years.ago(45), self._make_programme)
        for days, word in ((44, "ann"), (41, "dan")):
            years.plan_transaction(years.ago(days), partial(self._join, word=word), 19)
        years.plan(years.ago(18), self._incident, 12)
        for days, hour, step in (
            (61, 9, self._drill),
            (61, 14, self._drill_notice),
            (60, 9, self._drill_approval),
            (59, 16, self._drill_end),
        ):
            years.plan_transaction(years.ago(days), step, hour)
        years.plan(years.ago(61), self._carry_on, 10)
        years.plan(years.ago(30), self._feed, 12)
        years.plan_transaction(years.ago(16), self._refuse_request, 10)
        years.plan_transaction(years.ago(5), self._court_order, 10)

    def _new_terms(self, transaction: GateTransaction) -> None:
        """Let Max draft a second version and Sara post it; whoever signs in accepts it."""
        text = first_terms().replace(*TERMS_CHANGE)
        terms.draft(transaction, text, TERMS_VERSION, self.scenes.user("max"))
        if (file := self.years.provider.settings.agreement) is not None:  # else it is an offer
            file.write_text(text, encoding="utf-8")
        edition = terms.post(transaction, TERMS_VERSION, self.scenes.user("sara"))
        self.years.agreement = edition.digest
        for member in self.scenes.named.values():
            if member.id:
                terms.accept(transaction, member.id, edition.digest)

    # A programme

    def _make_programme(self, transaction: GateTransaction) -> None:
        parties.add(transaction, company_name(CLUB), programmes.PARTNER)
        party_keys.put(transaction, CLUB, str(pyrage.x25519.Identity.generate().to_public()))
        draft = ProgrammeDraft(
            "Reading room",
            CLUB,
            ("name", "email"),
            "a reader's card of the Valley Library for a year.",
            "The library writes to you when your card is ready, and for nothing else.",
        )
        actor = f"staff {self.scenes.user('max')}"
        self._programme = programmes.make(transaction, draft, actor=actor).programme_id

    def _join(self, transaction: GateTransaction, word: str) -> None:
        its = programmes.find(transaction.tables, self._programme)
        agreement = members.digest(programmes.wording(transaction.policy, its))
        person = self.scenes.id(word)
        members.join(self.years.provider, transaction, person, its, agreement)

    # What a partner knows

    def _feed(self) -> None:
        """Let Max take in what a bookshop knows of two customers, and of somebody who is none."""
        gate, max_id = self.years.gate, self.scenes.user("max")
        with gate.together() as transaction:
            party = parties.add(transaction, BOOKSHOP, feeds.SOURCE).party
            its = feeds.start(transaction, party, sha256(BOOKSHOP.encode()).hexdigest(), max_id)
        emails = [self.scenes.named[word].persona.email for word in ("ann", "dan")]
        rows = [{"email": each, "industry": "education"} for each in emails]
        rows.append({"email": "nobody@mill-books.example", "industry": "trade"})
        done(list(feeds.take(gate, its, map(FeedLine, count(2), rows))))

    # An incident

    def _incident(self) -> None:
        """Let Olga open an incident and write its notice, and Max approve it; then it is sent."""
        gate, now = self.years.gate, self.years.clock.at
        model, olga = Incidents(self.years.provider), self.scenes.user("olga")
        misuse = Misuse(PARTNER, AGENCY, now - timedelta(days=365), now - timedelta(days=2))
        with gate.together() as transaction:
            there = model.open(transaction, misuse, now, self.scenes.user("max"))
        self._carry_on()
        with gate.together() as transaction:
            model.draft(transaction, there.incident_id, _NOTICE, olga)
        with gate.together() as transaction:
            turn = model.require(transaction.tables, there.incident_id).turn
            model.approve(transaction, there.incident_id, turn, self.scenes.user("max"))
        self._carry_on()
        with gate.together() as transaction:
            model.note(transaction, there.incident_id, _REMARK, olga)

    # A practice alarm

    def _drill(self, transaction: GateTransaction) -> None:
        """Let Max say, for practice, that a disk with all values was lost in the night."""
        now = self.years.clock.at
        misuse = Misuse(TABLE, VALUES, now - timedelta(hours=9), now - timedelta(hours=2))
        max_id = self.scenes.user("max")
        its = Incidents(self.years.provider).open(transaction, misuse, now, max_id, drill=True)
        self._practice = its.incident_id

    def _drill_notice(self, transaction: GateTransaction) -> None:
        """Let Olga write its notice, once it was counted."""
        olga = self.scenes.user("olga")
        Incidents(self.years.provider).draft(transaction, self._practice, _DRILL_NOTICE, olga)

    def _drill_approval(self, transaction: GateTransaction) -> None:
        """Let Max approve it the next morning."""
        model, max_id = Incidents(self.years.provider), self.scenes.user("max")
        turn = model.require(transaction.tables, self._practice).turn
        model.approve(transaction, self._practice, turn, max_id)

    def _drill_end(self, transaction: GateTransaction) -> None:
        """Let Olga close it with what was learned."""
        olga = self.scenes.user("olga")
        Incidents(self.years.provider).close(transaction, self._practice, _DRILL_REMARK, olga)

    def _carry_on(self) -> None:
        self.years.jobs["incidents"].run(self.years.gate)
        self.years.deliver()

    # What authorities demand

    def _refuse_request(self, transaction: GateTransaction) -> None:
        """Let Sara record a letter without force: nothing is released."""
        demand = Demand(INFORMAL, "Larch Valley police", "letter of a desk officer")
        Instruments(self.years.provider).open(transaction, demand, b"", self.scenes.user("sara"))

    def _court_order(self, transaction: GateTransaction) -> None:
        """Let Sara open an order about Flo, and Max, who is counsel, check it; it waits."""
        now, desk = self.years.clock.at, Instruments(self.years.provider)
        account = accounts.account_of(transaction.tables, self.scenes.id("flo"))
        demand = Demand(
            "court-order",
            "Larch Valley District Court",
            f"order 31 of {now.year}",
            "court",
            (account.number if account else "",),
            ("name", "address"),
            now,
            now + timedelta(days=60),
            deadline=now + timedelta(days=14),
        )
        opened = desk.open(transaction, demand, _DOCUMENT, self.scenes.user("sara"))
        desk.check(transaction, opened.instrument_id, self.scenes.user("max"))
