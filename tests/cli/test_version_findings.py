"""`upheld version sever`: a finding looked at, drafted, approved by another, posted and served."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from cli.homes import provider_in, run
from cli.test_version import PAGE, refused
from upheld.api.service import ServiceSettings
from upheld.app.provider import service_of
from upheld.cli.admin import provider_of
from upheld.core.settings import read_settings

FINDING = ("--court", "District Court", "--date", "2026-11-02", "--reference", "1 C 22/26")
WORDS = ("--words", "void, for it is not clear", "--by", "olga")


@pytest.fixture(name="home")
def _home(tmp_path: Path) -> Path:
    """A folder with a provider at which two counsels and somebody of support work."""
    return provider_in(tmp_path, olga="counsel", paul="manager", sam="support")


def test_a_clause_is_struck_by_a_finding_and_restored_by_another(home: Path) -> None:
    """A preview makes nothing; then it is a draft as any other, and the page served shows it."""
    words = ("version", "sever", "improving", *FINDING, *WORDS)
    output = run(home, *words, "--preview")
    assert "The clause improving was struck on 2 November 2026" in output
    assert "no longer allowed" in output
    assert "of 0 customers" in output
    assert json.loads(run(home, "version", "list", "--json"))["drafts"] == []
    draft = json.loads(run(home, *words, "--json"))["draft"]["draft_id"]
    assert refused(home, *words) == "version-draft"
    assert refused(home, "version", "approve", draft, "--by", "olga") == "version-second-person"
    run(home, "version", "approve", draft, "--by", "paul")
    run(home, "version", "post", draft, "--by", "olga")
    settings = read_settings(home / "upheld.toml")
    service = service_of(provider_of(settings), home / "policy.md", ServiceSettings())
    page = TestClient(service, headers=PAGE).get("/privacy").text
    assert "<s>to provide and improve our services;</s>" in page
    assert "by a finding of District Court, 1 C 22/26: void, for it is not clear" in page
    assert refused(home, *words) == "nothing-to-sever"
    back = run(home, *words, "--restore")
    assert "was restored on" in back
    assert "draft" in back.splitlines()[-1]


def test_what_cannot_be_recorded_is_refused(home: Path) -> None:
    """By whom may not, about no clause, with a day that is no day, and what would allow more."""
    words = ("version", "sever", "improving", *FINDING)
    assert refused(home, *words, "--words", "void", "--by", "sam") == "version-role"
    assert refused(home, "version", "sever", "flying", *FINDING, *WORDS) == "unknown-clause"
    wrong = [each if each != "2026-11-02" else "2026-02-30" for each in (*words, *WORDS)]
    assert refused(home, *wrong) == "sever-finding"
    limit = ("version", "sever", "passwords", *FINDING, *WORDS)
    assert refused(home, *limit) == "sever-widens"
    assert "draft" in run(home, *limit, "--accept-widening").splitlines()[-1]
