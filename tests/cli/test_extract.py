"""`upheld extract`, `upheld article` and `upheld ad invoice`: what the desk does, by command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.homes import provider_in, run
from upheld.cli.admin import gate_of
from upheld.core.errors import UpheldError
from upheld.core.settings import read_settings
from upheld.practice import parties
from upheld.practices.ads import campaigns, estimates
from upheld.practices.ads.campaigns import CampaignBooking
from upheld.practices.ads.tables import ad_report


def month_before(home: Path) -> str:
    """The month before this one, at a provider."""
    today = gate_of(read_settings(home / "upheld.toml")).context.clock.today()
    at = today.year * 12 + today.month - 2
    return f"{at // 12:04d}-{at % 12 + 1:02d}"


def test_an_extract_is_asked_for_decided_on_by_another_and_listed(tmp_path: Path) -> None:
    """Few people end it at once; what cannot be is refused with its code."""
    home = provider_in(tmp_path, ana="analyst", max="manager")
    words = ("--reason", "Who uses little?", "--by", "ana")
    month = ("--month", month_before(home))
    first = run(home, "extract", "ask", "usage, transaction", *month, *words).strip()
    with pytest.raises(UpheldError) as caught:
        run(home, "extract", "approve", first, "--by", "ana")
    assert caught.value.code == "extract"
    assert "ended (Too few people" in run(home, "extract", "approve", first, "--by", "max")
    second = run(home, "extract", "ask", "usage", *month, *words).strip()
    refused = run(home, "extract", "refuse", second, "--reason", "Ask less", "--by", "max")
    assert refused.endswith("refused (Ask less)\n")
    states = {e["id"]: e["state"] for e in json.loads(run(home, "extract", "list", "--json"))}
    assert states == {first: "ended", second: "refused"}
    assert second in run(home, "extract", "list")
    for wrong in (("usage",), ("gender",), ("usage", "--for", "research", *month)):
        with pytest.raises(UpheldError) as caught:
            run(home, "extract", "ask", *wrong, *words)
        assert caught.value.code == "extract"
    with pytest.raises(UpheldError):
        run(home, "extract", "end", second, "--by", "max")


def test_an_article_is_written_listed_and_withdrawn(tmp_path: Path) -> None:
    """For a group in the words of the bands, and for nobody else's words."""
    home = provider_in(tmp_path, max="manager")
    (home / "text").write_text("Dig.\n\nPlant.")
    words = ("article", "write", "Garden", "--text", str(home / "text"), "--by", "max")
    its = run(
        home, *words, "--group", "gender=women", "--group", "zip=982", "--group", "zip=983"
    ).strip()
    assert run(home, "article", "list").startswith(f"{its} Garden, for Gender: women; Zip code")
    (shown,) = json.loads(run(home, "article", "list", "--json"))
    assert shown["group"] == {"gender": ["women"], "zip": ["982", "983"]}
    assert run(home, "article", "withdraw", its, "--by", "max") == "withdrawn\n"
    assert run(home, "article", "list").endswith(": withdrawn\n")
    for group, code in (("women", "usage"), ("name=Ann", "article"), ("gender=", "usage")):
        with pytest.raises(UpheldError) as caught:
            run(home, *words, "--group", group)
        assert caught.value.code == code


def test_an_invoice_is_issued_listed_and_corrected(tmp_path: Path) -> None:
    """A correction is printed as signed text; an amount that is none is refused."""
    home = provider_in(tmp_path, max="manager")
    month = month_before(home)
    with gate_of(read_settings(home / "upheld.toml")).together() as transaction:
        party = parties.add(transaction, "Pine Shop", "advertiser").party
        campaigns.keep_domain(transaction, party, "shop.example", actor="staff mo")
        today = transaction.clock.today()
        address = "https://shop.example/oak"
        wish = CampaignBooking(
            "Oak", "Chairs", address, "garden", {}, today, today, 2_000, cents=1_250
        )
        its = campaigns.book(transaction, party, wish, actor="agent pat")
        estimates.review(
            transaction, its.campaign_id, approve=True, reason="Fine", actor="staff mo"
        )
        row = {"campaign_id": its.campaign_id, "day": f"{month}-01"}
        transaction.tables.insert(ad_report, **row, views=2_200, clicks=0)
    assert run(home, "ad", "invoice").startswith("Invoice 1: Pine Shop")
    words = ("ad", "correct", "1", "--reason", "Twice", "--by", "max", "--dollars")
    text = run(home, *words, "5.50")
    assert "total: -5.50 dollars" in text
    assert "\nsignature: " in text
    rows = json.loads(run(home, "ad", "invoice", "--json"))
    assert [(e["number"], e["corrects"], e["cents"]) for e in rows] == [
        (2, 1, -550),
        (1, None, 2_500),
    ]
    for wrong in ("x", "-1", "99"):
        with pytest.raises(UpheldError):
            run(home, *words, wrong)
