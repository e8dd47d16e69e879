"""A draft beside the policy in force: the policy answers, differences are counted and kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

import upheld
from upheld.api.service import Service, ServiceSettings
from upheld.app.policy import policy_app
from upheld.demo import sample_policy

ASK = {
    "subject": {"type": "party", "id": "trusted-partner"},
    "action": {"name": "share"},
    "resource": {"type": "data", "id": "email"},
    "context": {
        "purpose": "offers",
        "occasion": "other",
        "facts": {"confidentiality-agreement": True, "age": 41.5},
    },
}
CLAUSE = "may not share email to trusted-partner for offers\n"


@pytest.fixture(name="draft")
def _draft(tmp_path: Path) -> Path:
    """The sample policy with one prohibition more."""
    path = tmp_path / "draft.md"
    clause = f"\nNo e-mail address for offers. {{#no-email}}\n\n```rule\n{CLAUSE}```\n"
    lines = sample_policy().read_text().splitlines(keepends=True)
    kept, inside = [], False
    for line in lines:  # examples may be answered otherwise now
        inside = inside or line.strip() == "```example"
        if not inside:
            kept.append(line)
        inside = inside and line.strip() != "```"
    path.write_text("".join(kept) + clause)
    return path


def served(draft: Path, report: Path | None) -> TestClient:
    """A service with a shadow."""
    settings = ServiceSettings(rate=1e9, shadow=draft, shadow_report=report)
    return TestClient(Service(sample_policy(), policy_app, settings))


def test_the_policy_answers_and_the_draft_is_counted(draft: Path, tmp_path: Path) -> None:
    """The binding answer is given; the file says what the draft would change, and no value."""
    report = tmp_path / "differences.json"
    with served(draft, report) as client:
        found: Any = [client.post("/access/v1/evaluation", json=ASK).json() for _ in range(5)]
        other = json.loads(json.dumps(ASK).replace("trusted-partner", "court"))
        client.post("/access/v1/evaluation", json=other)
        text = client.get("/metrics").text
    assert [each["decision"] for each in found] == [True] * 5
    assert 'upheld_shadow_total{result="no longer allowed"} 5' in text
    assert 'upheld_shadow_total{result="same"} 1' in text
    kept = json.loads(report.read_text())
    assert kept["decisions"] == 6
    (change,) = kept["changes"]
    assert (change["before"], change["now"], change["count"]) == ("allow", "deny", 5)
    assert "no-email" in change["clauses_now"]
    assert change["examples"][0]["question"]["facts"] == ["age", "confidentiality-agreement"]
    assert "41.5" not in report.read_text()


def test_counts_go_on_after_a_restart_and_begin_anew_with_another_draft(
    draft: Path, tmp_path: Path
) -> None:
    """The same pair is counted on; a changed draft is another pair."""
    report = tmp_path / "differences.json"
    for wanted in (1, 2):
        with served(draft, report) as client:
            client.post("/access/v1/evaluation", json=ASK)
        assert json.loads(report.read_text())["decisions"] == wanted
    draft.write_text(draft.read_text().replace("No e-mail address", "No address"))
    with served(draft, report) as client:
        client.post("/access/v1/evaluation", json=ASK)
    assert json.loads(report.read_text())["decisions"] == 1


def test_a_draft_that_fails_changes_no_answer(draft: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the draft does, the policy in force answers."""
    with served(draft, None) as client:
        app: Any = client.app
        monkeypatch.setattr(app.shadow.live.now.built, "question", None)
        assert client.post("/access/v1/evaluation", json=ASK).json()["decision"] is True
        assert 'upheld_shadow_total{result="failed"} 1' in client.get("/metrics").text


def test_a_wrong_draft_or_a_file_of_another_kind_is_told_before_anything_is_served(
    draft: Path, tmp_path: Path
) -> None:
    """A service does not start half."""
    wrong = tmp_path / "wrong.md"
    wrong.write_text("no policy")
    with pytest.raises(upheld.PolicyError):
        served(wrong, None)
    other = tmp_path / "other.json"
    other.write_text("[]")
    with pytest.raises(upheld.UpheldError) as caught:
        served(draft, other)
    assert caught.value.code == "shadow-report"
    assert other.read_text() == "[]"


def test_a_file_that_cannot_be_written_is_told_and_nothing_stops(
    draft: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The answers go on while there is no place for the counts."""
    with served(draft, tmp_path / "nowhere" / "d.json") as client:
        assert client.post("/access/v1/evaluation", json=ASK).json()["decision"] is True
    assert "shadow not kept" in caplog.text
