"""Extracts, for tests of several kinds."""

from __future__ import annotations

from typing import Any

from practices.conftest import House
from upheld.core.ids import ExtractId, UserId
from upheld.practices.extracts import extracts
from upheld.practices.extracts.extracts import Extract, ExtractWish

WISH = ExtractWish("service-improvement", ("usage",), "2026-01", 1, 1, 30, "Who uses little?")


def extract_of(house: House, user_id: UserId, **other: Any) -> ExtractId:
    """An extract that somebody asked for and that waits."""
    wish = WISH._replace(**other)
    return house.do(lambda t: extracts.ask(t, wish, user_id)).extract_id


def approved_extract(house: House, analyst: UserId, manager: UserId, **other: Any) -> Extract:
    """An extract that somebody else said yes to, and whose people are gathered."""
    extract_id = extract_of(house, analyst, **other)
    house.do(lambda t: extracts.approve(t, extract_id, manager))
    return extracts.gather(house.provider.gate.gate, extract_id)
