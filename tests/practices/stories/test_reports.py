"""Anonymous reports: who is counted, what a client may ask, and until when."""

from __future__ import annotations

import pytest

from practices.ads import crowd
from practices.conftest import House
from practices.test_reports import BY_GENDER, MONTH, counts, report_on, used
from upheld.gate.act.request import Act, Refused
from upheld.practice import noise
from upheld.practice.privacy_budget import BudgetError
from upheld.practices.reports import reports


def test_a_report_counts_groups_that_are_large_enough_until_its_budget_is_spent(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Profile and use are counted, inside and for clients; a few people have no line."""
    monkeypatch.setattr(noise, "add", lambda numbers, *_: list(numbers))
    margin = 14  # above the smallest group, for the noise of such a question
    women = crowd(house, 50 + margin)
    men = crowd(house, 49 + margin, "male")
    for each in women:
        used(house, each, 5)
    its = report_on(house, *BY_GENDER)
    assert its.answer
    assert its.answer.least == 50 + margin
    assert counts(its) == {"women": len(women)}
    entries = house.provider.gate.gate.entries(women[0])
    (use,) = [each.entry for each in entries if each.entry.action == "use"]
    assert use.clauses == ("reports",)
    assert {*use.duties} == {"minimum-group", "privacy-budget"}
    assert sum(counts(report_on(house, "usage-bands", "", MONTH, 500)).values()) == len(women)
    outside = report_on(house, "customers", "age-range", "", 500, purpose=reports.OUTSIDE)
    assert sum(counts(outside).values()) == len(women) + len(men)
    for split in ("zip", "interests"):
        report_on(house, "customers", split, "", 500)
    with pytest.raises(BudgetError, match="spent"):
        report_on(house, "customers", "industry", "", 500)


def test_for_research_too_nothing_is_used_but_as_counts_about_groups(house: House) -> None:
    """Nobody's data is used for it by itself: the duties of a count are carried out by none."""
    ann = house.customer(gender="female")
    used(house, ann, 5)
    act = Act(action="use", data=("gender", "usage"), purpose="research")
    outcome = house.do(lambda t: t.act(act, ann, entitled=True))
    assert isinstance(outcome, Refused)
    assert outcome.decision is not None
    assert outcome.decision.clauses == ("reports",)
    assert "minimum-group" in outcome.decision.why
