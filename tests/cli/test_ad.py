"""`upheld ad`: campaigns are listed, reported, billed and stopped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.homes import provider_in, run
from upheld.cli.admin import gate_of
from upheld.core.errors import UpheldError
from upheld.core.settings import read_settings
from upheld.gate.transaction import GateTransaction
from upheld.practice import parties, privacy_budget
from upheld.practices.ads import campaigns, estimates, month_prices
from upheld.practices.ads.campaigns import CampaignBooking
from upheld.practices.ads.tables import ad_release


def test_advertisements_are_listed_reported_billed_and_stopped(tmp_path: Path) -> None:
    """Without any there is nothing to print; wrong words are answered."""
    home = provider_in(tmp_path, max="manager")
    assert run(home, "ad", "list") == ""
    assert run(home, "ad", "report") == "campaign,title,day,views,clicks,dollars\n"
    assert run(home, "ad", "bill", "2026-10") == ""
    stop = ("ad", "stop", "none", "--reason", "It is misleading", "--by", "max")
    unseen = ("ad", "stop", "none", "--reason", "\u200b", "--by", "max")
    for words, code in ((("ad", "bill", "2026-13"), "usage"), (stop, "ad"), (unseen, "ad")):
        with pytest.raises(UpheldError) as caught:
            run(home, *words)
        assert caught.value.code == code


def _running(transaction: GateTransaction) -> None:
    """A campaign that runs, in a month that was not paid for and cannot be."""
    party, today = (
        parties.add(transaction, "Pine Shop", "advertiser").party,
        transaction.clock.today(),
    )
    campaigns.keep_domain(transaction, party, "shop.example", actor="staff mo")
    wish = CampaignBooking(
        "Spades", "New ones", "https://shop.example/", "garden", {}, today, today, 1_000
    )
    its = campaigns.book(transaction, party, wish, actor="agent pat")
    estimates.review(transaction, its.campaign_id, approve=True, reason="", actor="staff mo")
    month = today.isoformat()[:7]
    transaction.tables.delete(ad_release, "month = ?", month)
    left = privacy_budget.BUDGET_POINTS - month_prices.POINTS["anybody"]
    privacy_budget.pay(transaction, [month], left)


def test_what_is_not_shown_because_its_month_cannot_be_paid_is_listed_so(tmp_path: Path) -> None:
    """With that reason and no number."""
    home = provider_in(tmp_path, max="manager")
    with gate_of(read_settings(home / "upheld.toml")).together() as transaction:
        _running(transaction)
    line = run(home, "ad", "list")
    assert line.endswith("Spades: approved, not shown: the privacy budget is spent\n")
    (row,) = json.loads(run(home, "ad", "list", "--json"))
    assert row["budget_spent"] is True
