"""`upheld terms`: drafted by one person, posted by another, and served from then on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from cli.homes import provider_in, run
from cli.test_version import refused, write
from upheld.api.service import ServiceSettings
from upheld.app.provider import service_of
from upheld.cli.admin import provider_of
from upheld.core.settings import read_settings


@pytest.fixture(name="home")
def _home(tmp_path: Path) -> Path:
    """A folder with a provider with terms, at which two counsels and somebody of support work."""
    home = provider_in(tmp_path, olga="counsel", paul="manager", sam="support")
    (home / "terms.md").write_text("# Master Terms\n\nBe kind.\n")
    settings = home / "upheld.toml"
    settings.write_text(f'agreement = "terms.md"\n{settings.read_text()}')
    return home


def test_terms_are_drafted_posted_by_another_and_served(home: Path) -> None:
    """The list says how far each has come, and which version the policy is to name."""
    new = home / "new.md"
    new.write_text("# Master Terms\n\nBe kind, and pay.\n")
    assert run(home, "terms", "list").startswith("1: version 1, posted")
    words = ("terms", "draft", str(new), "--version", "2", "--by")
    assert refused(home, *words, "sam") == "terms-role"
    assert run(home, *words, "olga").startswith("draft: version 2")
    assert refused(home, "terms", "post", "2", "--by", "olga") == "terms-second-person"
    assert run(home, "terms", "post", "2", "--by", "paul").startswith("2: version 2, posted")
    (home / "terms.md").write_text("# Other words\n")
    state = json.loads(run(home, "terms", "list", "--json"))
    assert state["file"].startswith("another text, digest ")
    assert [each["version"] for each in state["posted"]] == ["1", "2"]
    settings = read_settings(home / "upheld.toml")
    provider = provider_of(settings)
    assert settings.policy
    service = service_of(provider, settings.policy, ServiceSettings())
    browser = TestClient(service, headers={"accept": "text/html"})
    assert "Be kind, and pay." in browser.get("/terms").text


def test_a_policy_names_the_version_of_which_it_is_a_part(home: Path) -> None:
    """A draft that names one which was not posted is refused; the list tells of an older one."""
    new = home / "new.md"
    new.write_text("# Master Terms\n\nBe kind, and pay.\n")

    def part(name: str) -> tuple[str, str]:
        return "part-of: Master Terms, version 1\n", f"part-of: Master Terms, version {name}\n"

    file = str(write(home, "wrong", part("2")))
    assert refused(home, "version", "draft", file, "--by", "olga") == "version-terms"
    run(home, "version", "draft", str(write(home, "right", part("1"))), "--by", "olga")
    run(home, "version", "approve", "right", "--by", "paul")
    run(home, "version", "post", "right", "--by", "olga")
    settings = read_settings(home / "upheld.toml")
    assert settings.policy
    service = service_of(provider_of(settings), settings.policy, ServiceSettings())
    page = TestClient(service, headers={"accept": "text/html"}).get("/privacy/versions/2").text
    assert 'A part of <a href="/terms/versions/1">Master Terms, version 1</a>' in page
    run(home, "terms", "draft", str(new), "--version", "2", "--by", "olga")
    run(home, "terms", "post", "2", "--by", "paul")
    assert "names version 2" in run(home, "terms", "list")


def test_a_draft_of_the_terms_is_dropped(home: Path) -> None:
    """Its words go with it, and its name is free."""
    new = home / "new.md"
    new.write_text("# Master Terms\n\nBe kind, and pay.\n")
    words = ("terms", "draft", str(new), "--version", "2", "--by", "olga")
    run(home, *words)
    assert "dropped" in run(home, "terms", "drop", "2", "--by", "paul")
    assert run(home, *words).startswith("draft: version 2")
    assert refused(home, "terms", "draft", str(home), "--version", "3", "--by", "olga") == (
        "terms-text"
    )
