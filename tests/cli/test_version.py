"""`upheld version`: drafted by one person, approved by another, posted, and served from then on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from cli.homes import provider_in, run
from gate.test_version_mark import copy_database
from gate.versions import NARROWER, WIDER, version
from upheld.api.service import ServiceSettings
from upheld.app.provider import service_of
from upheld.cli.admin import gate_of, provider_of
from upheld.core.errors import UpheldError
from upheld.core.settings import read_settings
from upheld.demo import sample_policy
from upheld.practices.versions.drafts import post_announced

PAGE = {"accept": "text/html"}
UNHELD = (
    "may store personal-information when legal-hold with encryption because legal-obligation\n",
    "",
)
GIVEN_IN_SILENCE = "    when legal-instrument and gag-order\n    with "
UNTOLD = (f"{GIVEN_IN_SILENCE}only-what-is-demanded, record", f"{GIVEN_IN_SILENCE}record")


@pytest.fixture(name="home")
def _home(tmp_path: Path) -> Path:
    """A folder with a provider at which two counsels and somebody of support work."""
    return provider_in(tmp_path, olga="counsel", paul="manager", sam="support")


def refused(home: Path, *words: str) -> str:
    """The code of the error with which a command ends."""
    with pytest.raises(UpheldError) as caught:
        run(home, *words)
    return caught.value.code


def write(home: Path, name: str, *changes: tuple[str, str]) -> Path:
    """Write a file with another version."""
    path = home / f"{name}.md"
    path.write_text(version(name, *changes).program.source)
    return path


def test_a_version_is_drafted_approved_by_another_and_posted(home: Path) -> None:
    """Each by who may; the list and the state say how far it has come."""
    file = str(write(home, "two", WIDER))
    assert refused(home, "version", "draft", file, "--by", "sam") == "version-role"
    assert refused(home, "version", "draft", file, "--by", "eve") == "no-user"
    output = run(home, "version", "draft", file, "--by", "olga")
    assert "newly allowed" in output
    assert "draft" in output.splitlines()[-1]
    assert "open, allows more" in output
    assert refused(home, "version", "draft", file, "--by", "paul") == "version-draft"
    assert refused(home, "version", "post", "two", "--by", "olga") == "version-state"
    assert refused(home, "version", "approve", "two", "--by", "olga") == "version-second-person"
    assert "approved" in run(home, "version", "approve", "two", "--by", "paul")
    assert "version two is in force" in run(home, "version", "post", "two", "--by", "olga")
    assert refused(home, "version", "post", "two", "--by", "olga") == "version-state"
    state = json.loads(run(home, "version", "status", "--json"))
    assert (state["in_force"]["version"], state["drafts"]) == ("two", [])
    assert "another text" in state["file"]
    listed = run(home, "version", "list").splitlines()
    assert [line.split(",")[0] for line in listed] == ["1: version 2026-11-01", "2: version two"]


def test_a_draft_is_counted_over_all_customers(home: Path) -> None:
    """Each difference with the number of those whose answer it changes."""
    own = gate_of(read_settings(home / "upheld.toml"))
    for _ in range(3):
        own.enrol()
    run(home, "version", "draft", str(write(home, "two", WIDER)), "--by", "olga")
    assert "of 3 customers" in run(home, "version", "reach", "two")
    report = json.loads(run(home, "version", "reach", "two", "--json"))
    assert [each["customers"] for each in report["changes"]] == [3]


def test_what_a_draft_reaches_is_the_same_where_a_silent_order_is_over_a_customer(
    home: Path,
) -> None:
    """Each draft strikes what an order rests on: to keep, and to give in silence."""
    own = gate_of(read_settings(home / "upheld.toml"))
    ann, before = own.enrol(), dict[str, str]()
    for name, change in (("two", UNHELD), ("three", UNTOLD)):
        run(home, "version", "draft", str(write(home, name, change)), "--by", "olga")
        before[name] = run(home, "version", "reach", name)
    own.record(ann, "hold", fact="legal-hold", how="order")
    assert "    1 customer\n" in run(home, "version", "reach", "two")
    party = "order-1"
    own.record(ann, "instrument", fact="gag-order", party=party, how="order")
    for recipient in ("authority", "legal-adviser"):
        about = {"data": ["name"], "recipient": [recipient]}
        fact = "legal-instrument"
        own.record(ann, "instrument", fact=fact, about=about, party=party, how="order")
    assert {name: run(home, "version", "reach", name) for name in before} == before


def test_an_approval_is_of_no_effect_once_another_version_is_posted(home: Path) -> None:
    """What was approved against one version is drafted again against the next, or dropped."""
    for name, change in (("two", WIDER), ("three", NARROWER)):
        run(home, "version", "draft", str(write(home, name, change)), "--by", "olga")
        run(home, "version", "approve", name, "--by", "paul")
    run(home, "version", "post", "two", "--by", "olga")
    assert refused(home, "version", "post", "three", "--by", "olga") == "version-base"
    assert "dropped" in run(home, "version", "drop", "three", "--by", "paul")
    assert refused(home, "version", "approve", "three", "--by", "paul") == "version-state"


def test_a_draft_with_faults_is_none(home: Path) -> None:
    """It is checked as by `check --strict`: uncovered prose, and examples answered otherwise."""
    path = write(home, "two")
    path.write_text(path.read_text() + "\nWe do as we please.\n")
    output = run(home, "version", "draft", str(path), "--by", "olga", expect=1)
    assert "uncovered" in output
    assert "no draft was made" in output
    assert json.loads(run(home, "version", "list", "--json"))["drafts"] == []


def test_the_pages_show_the_version_that_another_process_posted(home: Path) -> None:
    """A served provider shows its bytes with the next request; a changed file changes nothing."""
    settings = read_settings(home / "upheld.toml")
    service = service_of(provider_of(settings), home / "policy.md", ServiceSettings())
    browser = TestClient(service, headers=PAGE)
    first = browser.get("/policy.md").content
    assert first.decode() == sample_policy().read_text()
    policy = version("two", WIDER)
    (home / "policy.md").write_text(policy.program.source)
    service.reload()
    assert browser.get("/policy.md").content == first
    assert "policy.md" in run(home, "version", "status")
    run(home, "version", "draft", str(home / "policy.md"), "--by", "olga")
    run(home, "version", "approve", "two", "--by", "paul")
    run(home, "version", "post", "two", "--by", "paul")
    assert browser.get("/policy.md").content.decode() == policy.program.source
    assert browser.get("/policy.json").json()["digest"].endswith(policy.digest)
    assert browser.get("/healthz").json()["digest"] == policy.digest
    (home / "policy.md").write_text("no policy at all")
    service.reload()
    assert browser.get("/healthz").json()["digest"] == policy.digest
    assert provider_of(settings).policy.digest == policy.digest


def test_an_announced_version_is_posted_on_its_day(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`post` announces what takes effect later, and the job puts it in force, once."""
    own = gate_of(read_settings(home / "upheld.toml"))
    day = own.clock.today().replace(year=own.clock.today().year + 1, day=1)
    effective = ("policy: Privacy", f"effective: {day}\npolicy: Privacy")
    run(home, "version", "draft", str(write(home, "two", effective)), "--by", "olga")
    run(home, "version", "approve", "two", "--by", "paul")
    assert "announced" in run(home, "version", "post", "two", "--by", "paul")
    assert post_announced(own) == 0
    monkeypatch.setattr(type(own.clock), "today", lambda _: day)
    assert [post_announced(own), post_announced(own)] == [1, 0]
    own.refresh()
    assert own.policy.front.version == "two"


def test_what_binds_a_customer_is_told_and_what_their_agreement_asks_for_is_recorded(
    home: Path,
) -> None:
    """A version waits for use, for a notice whose days have run, and for an approval."""
    gate = gate_of(read_settings(home / "upheld.toml"))
    who = gate.enrol()
    run(home, "version", "draft", str(write(home, "two", WIDER)), "--by", "olga")
    run(home, "version", "approve", "two", "--by", "paul")
    run(home, "version", "post", "two", "--by", "paul")
    waits = "bound by version 2026-11-01\nasked besides: version two\n"
    assert run(home, "version", "bound", who) == waits
    run(home, "version", "agreement", who, "--notice", "--approval")
    with gate.together() as transaction:
        assert transaction.note_use(who)
    run(home, "version", "notice", who, "two", "--days", "0")
    assert run(home, "version", "bound", who) == waits
    run(home, "version", "approval", who, "2")
    bound = json.loads(run(home, "version", "bound", who, "--json"))
    assert (bound["binds"]["version"], bound["waiting"]) == ("two", [])
    run(home, "version", "notice", who, "two", "--bounced")
    decided, _, rest = run(home, "version", "bound", who).partition("\n")
    assert (decided.partition(" on ")[0], rest) == ("approved by them", waits)
    run(home, "version", "agreement", who, "--end")
    assert run(home, "version", "bound", who).endswith(": version two\nbound by version two\n")
    assert refused(home, "version", "approval", who, "none") == "version-unknown"
    assert refused(home, "version", "agreement", who) == "usage"


def test_a_database_that_was_put_back_is_accepted_with_a_reason(home: Path) -> None:
    """Every command refuses it and says how; then the earlier version is in force again."""
    run(home, "version", "status")
    copy_database(home / "provider.db", home / "before.db")
    run(home, "version", "draft", str(write(home, "two", WIDER)), "--by", "olga")
    run(home, "version", "approve", "two", "--by", "paul")
    run(home, "version", "post", "two", "--by", "olga")
    copy_database(home / "before.db", home / "provider.db")
    assert refused(home, "version", "status") == "version-restored"
    output = run(home, "version", "accept-restored", "--because", "the disk was lost")
    assert output == "version 2026-11-01 is in force again\n"
    assert "version 2026-11-01 is in force since" in run(home, "version", "status")
    account = run(home, "ledger", "account")
    assert "went back to an earlier version of our policy" in account
    again = refused(home, "version", "accept-restored", "--because", "the disk was lost")
    assert again == "version-accept"
