"""A programme, and who joins it, for tests of several kinds."""

from __future__ import annotations

import html
import json
import re
from functools import partial

import pyrage
from starlette.testclient import TestClient

from practices.conftest import House, send
from upheld.practice import deliveries, parties, party_keys
from upheld.practice.deliveries import PartyDelivery
from upheld.practices.programmes import programmes, runs
from upheld.practices.programmes.programmes import Programme, ProgrammeDraft
from upheld.practices.programmes.runs import Run

IDENTITY = pyrage.x25519.Identity.generate()
KEY = str(IDENTITY.to_public())
FIELDS = ("name", "email")
TEXT = "They <b>write</b> to you\n# once a month, Zo\u00eb."
AGREEMENT = re.compile(r'name="agreement" value="([0-9a-f]{64})"')


def partner(house: House, name: str = "Fjord Letters") -> str:
    """A company on the register as a programme's partner, with its key; its word there."""
    party = house.do(lambda t: parties.add(t, name, "programme-partner")).party
    house.do(lambda t: party_keys.put(t, party, KEY))
    return party


def draft(party: str, title: str = "Letters", fields: tuple[str, ...] = FIELDS) -> ProgrammeDraft:
    """What a manager says of a programme."""
    return ProgrammeDraft(title, party, fields, "a letter each month", TEXT)


def programme(house: House, party: str = "", title: str = "Letters") -> Programme:
    """A programme that can be joined now."""
    party = party or partner(house)
    return house.do(lambda t: programmes.make(t, draft(party, title), actor="staff mo"))


def join(browser: TestClient, its: Programme, **form: str) -> int:
    """Tick the box and join, as the page shows it; the status of the answer."""
    page = f"/me/programmes/{its.programme_id}"
    shown = AGREEMENT.search(browser.get(page).text)
    words = {"agree": "yes", "agreement": shown[1] if shown else "", **form}
    return send(browser, page, words).status_code


def leave(browser: TestClient, its: Programme) -> int:
    """Leave by the button of the page; the status of the answer."""
    page = f"/me/programmes/{its.programme_id}"
    return send(browser, f"{page}/leave", {}, page).status_code


def run(house: House, its: Programme) -> Run:
    """Run it."""
    return runs.run(house.provider.gate.gate, its.programme_id)


def waiting(house: House, its: Programme) -> list[PartyDelivery]:
    """The deliveries of a programme that wait."""
    latest = house.do(lambda t: deliveries.latest(t.tables, reference=its.programme_id))
    return [each for each in latest if each.state == deliveries.WAITING]


def deliver(house: House, its: Programme) -> list[dict[str, str]]:
    """Deliver what waits of a programme; the values that its company got."""
    result: list[dict[str, str]] = []
    for each in waiting(house, its):
        content = house.do(partial(deliveries.hand_out, delivery_id=each.delivery_id))
        if content.people:
            house.do(partial(deliveries.confirm, delivery_id=each.delivery_id))
        lines = content.lines.splitlines()[1:]
        result += [json.loads(line)["values"] for line in lines]
    return result


def text_of(page: str) -> str:
    """What a page says, without its marks."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())
