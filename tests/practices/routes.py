"""The table of routes: who gets which answer where, read by the crawl and by the browser's tests.

`routes_of/PRACTICE.toml` has a line for each method and path that a practice brings. `who` is the
kind of visitor that the route is for (anybody, customer, staff, agent), `answer` what they get; a
visitor by name in `but` gets another answer. Everybody else is led to sign in by a page, and
refused by a form. A parameter of a path stands for a thing of Ann's that `THINGS` makes, by its
name or by the name that `ids` gives; `none` is an id of nothing.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final

import msgspec
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from practices.ads import invoice_to
from practices.articles import article_in
from practices.bills import history, overdue
from practices.conftest import House
from practices.extracts import extract_of
from practices.orders import approved, demand, desk_of
from practices.outside import outside
from practices.test_guardians import family
from upheld.app.provider import PRACTICES
from upheld.core.ids import IncidentId, InstrumentId, PersonId, TaskId, UserId
from upheld.gate.operations.misuse import Misuse
from upheld.gate.transaction import GateTransaction
from upheld.practice import operators, parties, tasks, terms
from upheld.practice.endpoints import cookie_name
from upheld.practice.purchases import Purchase
from upheld.practices.billing.link_pages import PAY
from upheld.practices.guardians.purchases import Purchases, set_limit
from upheld.practices.incidents.incidents import Incidents
from upheld.practices.incidents.notices import IncidentWork
from upheld.practices.messages.unsubscribe import UnsubscribePages
from upheld.practices.rights import choices, erasure, requests
from upheld.practices.terminations import decisions
from upheld.practices.terminations.decisions import Grounds, Termination, Terminations
from upheld.vault.erasures import token
from upheld.web import sessions

TABLES: Final = Path(__file__).with_name("routes_of")
MARKS: Final = (
    "Ada Crawled",
    "ada@crawled.example",
    "+1 555-010-0199",
    "7 Crawled Lane",
    "1961-02-03",
)
NONE: Final = InstrumentId("0" * 32)  # an id of nothing
ROLES: Final = (
    *("support", "billing", "privacy", "accounts", "security", "terms", "legal", "counsel"),
    "manager",
)


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the table says of one method and path."""

    who: str
    answer: int
    but: Mapping[str, int] = {}  # visitor by name, to the answer that they get instead
    ids: Mapping[str, str] = {}  # parameter, to the name of what stands for it
    query: str = ""
    shows: bool = False  # whether Ann's own values may stand in the answer for whoever it is for
    free: bool = False  # a form that anybody may send from anywhere, such as one click of a mail


def lines() -> dict[str, Line]:
    """The tables of the policy's pages and of each practice, by method and path."""
    result: dict[str, Line] = {}
    for name in ("policy", *(name for name, _ in PRACTICES)):
        document = tomllib.loads((TABLES / f"{name}.toml").read_text(encoding="utf-8"))
        result.update(msgspec.convert(document, dict[str, Line]))
    return result


def routed(app: Starlette) -> Iterator[tuple[str, str]]:
    """Every method and path of an application."""
    for route in app.routes:
        assert isinstance(route, Route), f"{route} is no plain route, and needs a way to be crawled"
        for method in sorted(route.methods or ()):
            if method != "HEAD":
                yield method, route.path


def _task(house: House, person: PersonId) -> TaskId:
    return house.do(
        lambda transaction: tasks.open_task(
            transaction, person, "ticket", "support", role="support", about="trouble"
        )
    )


def _message(house: House, person: PersonId) -> str:
    data = {
        "at": "2026-11-01T09:00:00+00:00",
        "purpose": "newsletter",
        "subject": "News",
        "text": f"For {MARKS[0]}.",
        "message": "1" * 32,
        "clause": "service-messages",
    }
    house.do(
        lambda transaction: transaction.append(
            person, "messages", [json.dumps(data)], source="customer", occasion="service-use"
        )
    )
    return data["message"]


def _permission(house: House, person: PersonId) -> str:
    permission = choices.Permission(("email",), "supplier", "", "support")
    return house.do(lambda transaction: choices.give(transaction, person, permission))


def _request(house: House, person: PersonId) -> str:
    result = house.do(lambda transaction: requests.open_request(transaction, person, "erasure"))
    assert isinstance(result, requests.RightsRequest)
    return result.request_id


def _occupation(house: House, person: PersonId) -> str:
    values = {"occupation": "gardener"}
    house.do(
        lambda transaction: transaction.store(
            person, values, source="customer", occasion="registration"
        )
    )
    return "occupation"


def _ticket(house: House, person: PersonId) -> TaskId:
    return house.do(
        lambda transaction: tasks.open_task(
            transaction, person, "ticket", "support", role="support", by=tasks.CUSTOMER
        )
    )


def _termination(house: House, person: PersonId) -> str:
    terminations = Terminations(house.provider)
    grounds = Grounds("", house.clock.now() + timedelta(days=9), "Be kind.", "They were not.")

    def work(transaction: GateTransaction) -> str:
        user = operators.add_user(
            transaction.tables, "staff", "Tia Desk", "tia", roles=[decisions.ROLE]
        )
        operators.change_state(transaction.tables, user.user_id, operators.ACTIVE)
        result = terminations.decide(transaction, person, grounds, user.user_id)
        assert isinstance(result, Termination)
        return result.termination_id

    return house.do(work)


def _incident(house: House) -> IncidentId:
    """An incident that touched everybody so far, of which they were sent a notice; and a drill."""
    model, now = Incidents(house.provider), house.clock.now()
    work = IncidentWork(model)

    def begin(transaction: GateTransaction) -> tuple[IncidentId, UserId, UserId]:
        users = [
            operators.add_user(transaction.tables, "staff", "Ina Desk", name, roles=["privacy"])
            for name in ("ina", "ivo")
        ]
        for each in users:
            operators.change_state(transaction.tables, each.user_id, operators.ACTIVE)
        first, second = (each.user_id for each in users)
        misuse = Misuse("table", "value", now - timedelta(days=1), now)
        return model.open(transaction, misuse, now, first).incident_id, first, second

    incident_id, first, second = house.do(begin)
    work.count(house.provider.gate.gate, incident_id)
    there = house.do(lambda transaction: model.draft(transaction, incident_id, "Sorry.", first))
    house.do(lambda transaction: model.approve(transaction, incident_id, there.turn, second))
    work.send(house.provider.gate.gate, incident_id)
    misuse = Misuse("table", "account", now - timedelta(days=1), now)
    house.do(lambda transaction: model.open(transaction, misuse, now, first, drill=True))
    return incident_id


def _purchase(house: House, child: PersonId) -> str:
    orders = Purchases(house.provider)

    def work(transaction: GateTransaction) -> str:
        set_limit(transaction, child, 5000)
        orders.ask(transaction, child, Purchase("phone", "Phone", 1250, 1250))
        return orders.waiting(transaction.tables, child)[-1].request_id

    return house.do(work)


def _terms_draft(house: House) -> str:
    """A draft of the Master Terms that nobody at a desk of the tests made."""

    def work(transaction: GateTransaction) -> str:
        user = operators.add_user(
            transaction.tables, "staff", "Tess Desk", "tess", roles=["counsel"]
        )
        operators.change_state(transaction.tables, user.user_id, operators.ACTIVE)
        return terms.draft(transaction, "# Terms\n\nBe kind.\n", "2", user.user_id).draft_id

    return house.do(work)


def _unsubscribing(house: House, person: PersonId) -> str:
    return UnsubscribePages(house.provider).address(person, "offers").rsplit("/", 1)[-1]


class World:
    """A provider with everybody in it who may visit, and the things of Ann's that paths name."""

    def __init__(self, house: House, *, ordered: bool = True) -> None:
        """`ordered` is whether a court demands something of Ann, of which anybody may speak."""
        self.house = house
        guardian, self.child, _ = family(house)
        self.ann = house.customer(
            MARKS[1],
            MARKS[4],
            name=MARKS[0],
            phone=MARKS[2],
            address=MARKS[3],
            occupation="gardener",
        )
        self.debt = overdue(house, self.ann)
        self.termination = _termination(house, self.ann)
        self.desk = desk_of(house)
        self.instrument = NONE
        if ordered:
            order = demand(house, self.ann)
            self.instrument = approved(house, self.desk, order).instrument_id
        self.incident = _incident(house)
        self.visitors: dict[str, tuple[str, str]] = {
            "nobody": ("", ""),
            "ann": ("customer", self.ann),
            "bo": ("customer", house.customer("bo@other.example", name="Bo Other")),
            "guardian": ("customer", guardian),
        }
        for role in ROLES:
            self.visitors[role] = ("staff", house.staff(role, sign_in=role))
        terms.take_first(house.provider.gate.gate, house.provider.settings.agreement)
        manager = self.visitors["manager"][1]
        self.terms_draft = _terms_draft(house)
        self.outside = outside(house, self.ann, self.child, UserId(manager))
        partner = house.staff(kind="agent", sign_in="pat", party=self.outside.partner)
        self.visitors["partner"] = ("agent", partner)
        agency = house.do(lambda t: parties.add(t, "Duns", "collection-agent")).party
        self.advertiser = house.do(lambda t: parties.add(t, "Duns", "advertiser")).party
        house.do(lambda t: parties.add(t, "Duns", "report-client"))
        self.visitors["agent"] = ("agent", house.staff(kind="agent", sign_in="ed", party=agency))

    def path(self, path: str, line: Line) -> str:
        """A path with ids of Ann's things in it."""
        for whole, name in re.findall(r"(\{(\w+)(?::\w+)?\})", path):
            thing = line.ids.get(name, name)
            assert thing in THINGS, f"{path}: say in THINGS how `{thing}` is made, or in `ids`"
            path = path.replace(whole, THINGS[thing](self))
        return path + line.query

    def browser(self, visitor: str) -> tuple[TestClient, str]:
        """Somebody's browser, signed in anew, and the token that their forms carry."""
        kind, subject = self.visitors[visitor]
        browser = self.house.signed_in(subject, kind) if kind else self.house.browser()
        if not kind:
            return browser, ""
        provider = self.house.provider
        raw = browser.cookies[cookie_name(provider, kind)]
        session = self.house.do(
            lambda transaction: sessions.find(transaction.tables, kind, raw, self.house.clock.now())
        )
        assert session is not None
        return browser, provider.tokens.of(session)

    def expected(self, line: Line, visitor: str, method: str) -> int:
        """What the table says that a visitor gets."""
        kind, _ = self.visitors[visitor]
        if visitor in line.but:
            return line.but[visitor]
        if line.who in ("anybody", kind):
            return line.answer
        return 303 if method == "GET" else 403


THINGS: dict[str, Callable[[World], str]] = {
    "none": lambda _: NONE,
    "name": lambda _: "staff",  # a clause
    "task": lambda world: _task(world.house, world.ann),
    "user": lambda world: world.ann,  # an id, and of nobody who works here
    "message": lambda world: _message(world.house, world.ann),
    "unsubscribing": lambda world: _unsubscribing(world.house, world.ann),
    "number": lambda world: str(world.house.provider.gate.gate.entries(world.ann)[0].number),
    "what": lambda _: "offers",
    "way": lambda _: "out",
    "record": lambda world: _permission(world.house, world.ann),
    "field": lambda world: _occupation(world.house, world.ann),
    "ticket": lambda world: _ticket(world.house, world.ann),
    "termination": lambda world: world.termination,
    "instrument": lambda world: world.instrument,
    "incident": lambda world: world.incident,
    "party": lambda world: world.outside.party,
    "programme": lambda world: world.outside.programme,
    "programme-request": lambda world: world.outside.programme_request,
    "agreement": lambda world: world.outside.agreement,
    "delivery": lambda world: world.outside.delivery,
    "closing": lambda world: world.outside.closing,
    "campaign": lambda world: world.outside.campaign,
    "ad-invoice": lambda world: str(invoice_to(world.house, world.advertiser).number),
    "report": lambda world: world.outside.report,
    "extract": lambda world: extract_of(world.house, UserId(world.visitors["support"][1])),
    "article": lambda world: article_in(world.house),
    "first": lambda _: "1",
    "terms": lambda world: world.terms_draft,
    "request": lambda world: _request(world.house, world.ann),
    "link": lambda world: world.house.do(
        lambda transaction: sessions.mint(
            transaction.tables,
            erasure.LINK,
            token(transaction.context.keyring, world.ann),
            erasure.LASTS,
            world.house.clock.now(),
        )
    ),
    "pay-link": lambda world: world.house.provider.seal_link(PAY, world.ann),
    "invoice": lambda world: history(world.house, world.ann).invoices[-1].number,
    "debt-task": lambda world: world.debt,
    "child": lambda world: world.child,  # in the guardian's care
    "purchase": lambda world: _purchase(world.house, world.child),
}
