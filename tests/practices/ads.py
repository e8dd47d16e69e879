"""Advertisers, campaigns and the people whom they are meant for, for tests of several kinds."""

from __future__ import annotations

import struct
import zlib
from datetime import timedelta
from typing import Any, Final

import pytest

from practices.conftest import House
from upheld.core.ids import CampaignId, PersonId
from upheld.gate.transaction import GateTransaction
from upheld.practice import noise, parties
from upheld.practice.bands import Criteria
from upheld.practices.ads import campaigns, estimates, invoices
from upheld.practices.ads.campaigns import Campaign, CampaignBooking
from upheld.practices.ads.invoices import AdInvoice
from upheld.practices.ads.tables import ad_report

DOMAIN = "shop.example"
SIGNATURE = b"\x89PNG\r\n\x1a\n"
WOMEN = {"age-range": ["35-44"], "gender": ["women"]}
BORN = "1990-02-01"  # 36 years before the day of a story
ENOUGH: Final = 64  # people in a group that `exactly` counts as the policy's smallest one


def exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    """No noise, and a small margin above the policy's smallest group."""
    monkeypatch.setattr(noise, "add", lambda numbers, *_: list(numbers))
    monkeypatch.setattr(estimates, "POINTS", 500)


def advertiser(house: House, name: str = "Pine Shop") -> str:
    """A company that is an advertiser, with its domain; its word on the register."""
    party = house.do(lambda t: parties.add(t, name, "advertiser")).party
    house.do(lambda t: campaigns.keep_domain(t, party, DOMAIN, actor="staff mo"))
    return party


def booking(house: House, criteria: Criteria | None = None, **other: Any) -> CampaignBooking:
    """What an advertiser says of a campaign that begins today."""
    today = house.clock.today()
    wish = CampaignBooking(
        "Spades",
        "New <b>spades</b> for your garden.",
        f"https://{DOMAIN}/spades",
        "garden",
        criteria or {},
        today,
        today + timedelta(days=30),
        1_000,
    )
    return wish._replace(**other)


def booked(house: House, party: str, criteria: Criteria | None = None, **other: Any) -> Campaign:
    """A campaign that waits for its review."""
    wish = booking(house, criteria, **other)
    return house.do(lambda t: campaigns.book(t, party, wish, actor="agent pat"))


def review(house: House, its: Campaign) -> Campaign:
    """What becomes of a campaign that staff approve."""
    return house.do(
        lambda t: estimates.review(
            t, its.campaign_id, approve=True, reason="Fine", actor="staff mo"
        )
    )


def approved(house: House, criteria: Criteria | None = None, party: str = "") -> Campaign:
    """A campaign that runs, wherever its group is large enough."""
    return review(house, booked(house, party or advertiser(house), criteria))


def reported(house: House, its: Campaign, *days: tuple[str, int]) -> None:
    """So many views of some days of a campaign were reported."""
    rows = [
        {"campaign_id": its.campaign_id, "day": day, "views": views, "clicks": 0}
        for day, views in days
    ]
    house.do(lambda t: t.tables.insert_all(ad_report, rows))


def invoice_to(house: House, party: str) -> AdInvoice:
    """An invoice to a company of two thousand views in the month before."""
    house.do(lambda t: campaigns.keep_domain(t, party, DOMAIN, actor="staff mo"))
    its = review(house, booked(house, party, views_max=2_000, cents=1_250))
    day = house.clock.today().replace(day=1) - timedelta(days=1)
    reported(house, its, (day.isoformat(), 2_100))
    (result,) = house.do(invoices.issue)
    return result


def use_up(transaction: GateTransaction, campaign_id: CampaignId) -> None:
    """Report as many views as were booked, so that looking at a page counts none any more."""
    its = campaigns.require(transaction.tables, campaign_id)
    words = {"campaign_id": campaign_id, "day": transaction.clock.today().isoformat()}
    transaction.tables.insert(ad_report, **words, views=its.views_max, clicks=0)


def crowd(
    house: House, size: int, gender: str = "female", born: str = BORN, area: str = ""
) -> list[PersonId]:
    """People of one age and gender, and of one area, who have no account."""
    values = {"birth-date": born, "gender": gender, **({"zip": area} if area else {})}

    def work(transaction: GateTransaction) -> list[PersonId]:
        people = []
        for _ in range(size):
            person = transaction.enrol()
            for field, value in values.items():
                transaction.store(
                    person, {field: value}, source="customer", occasion="registration"
                )
            people.append(person)
        return people

    return house.do(work)


def chunk(kind: bytes, data: bytes) -> bytes:
    """A part of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    width: int = 3,
    height: int = 2,
    *,
    header: bytes = b"",
    beside: bytes = b"",
    pixels: bytes = b"",
) -> bytes:
    """A PNG of three colours, with parts beside the picture."""
    header = header or struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = pixels or (b"\x00" + b"\x10\x20\x30" * width) * height
    packed = zlib.compress(pixels)
    parts = chunk(b"IHDR", header) + beside + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    return SIGNATURE + parts
