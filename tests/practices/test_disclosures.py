"""The page that proves itself: what clauses have decided, and what was disclosed, for anybody."""

from __future__ import annotations

import html
import json
import logging
import re
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from ledger.logs import OTHER, SIGNER
from practices.conftest import House
from practices.orders import approved, demand, desk_of, release
from upheld.app.provider import provider_app
from upheld.cli import app
from upheld.core.ids import PersonId
from upheld.database.statements import run
from upheld.database.transaction import writing
from upheld.gate.act.request import Refused
from upheld.gate.log.checkpointer import Checkpointer
from upheld.gate.operations import published_counts
from upheld.practice import parties
from upheld.practices.notices.stories import StoriesError, read_stories

TO_PARTNER = {"recipient": "business-partner", "purpose": "offers", "occasion": "other"}
OFFERS = {"data": ["email"], "purpose": ["offers"], "recipient": ["business-partner"]}


def busy(house: House, times: int = 40) -> PersonId:
    """A month in which a customer was served and an address disclosed so often; who it was."""
    person = house.customer()
    gate = house.provider.gate.gate
    party = house.do(lambda t: parties.add(t, "Fjord Mail", "business-partner")).party
    gate.record(person, "consent", about=OFFERS, party=party)
    for _ in range(times):
        gate.serve(person)
        gate.share(person, ["email"], party=party, **TO_PARTNER)
    return person


def later(house: House, **time: float) -> None:
    """Let time pass, without anybody minding."""
    house.clock.moved += timedelta(**time)
    house.provider.gate.gate.accept_clock()


def over(house: House, days: float = 31) -> None:
    """Let a month end, and the job do its work."""
    later(house, days=days)
    published_counts.keep(house.provider.gate.gate)


def told(house: House, clause: str, path: str = "/privacy") -> str:
    """What stands under a clause about what it has decided."""
    page = house.browser().get(path).text
    where = page[page.index(f'id="{clause}"') :] if path == "/privacy" else page
    found = re.search(r'<div class="decided">(.*?)</div>', where, re.DOTALL)
    assert found
    return re.sub(r"<[^>]+>", "", found[1])


def test_under_each_clause_stands_what_it_has_decided(house: House) -> None:
    """In its fold, and on its own page: when last, how often as a range, how often refused."""
    assert "No month of it is over" in told(house, "service")
    busy(house)
    over(house)
    later(house, minutes=2)
    for path in ("/privacy", "/privacy/clause/service"):
        words = told(house, "service", path)
        assert "It last decided something on 11 March 2026." in words
        assert re.search(r"In March 2026 it decided between \d+ and \d+ times", words)
        assert "refused fewer than 20 times" in words
    assert "It last decided something in March 2026." in told(house, "registration")
    rules = house.browser().get("/privacy?rules=open").text
    clauses = published_counts.deciding(house.policy.program)
    assert rules.count('<div class="decided">') == len(clauses) > 20


def test_the_page_of_disclosures_and_its_file_say_the_same(house: House, tmp_path: Path) -> None:
    """Anybody verifies the file by a command and a key, and a changed one is refused."""
    browser = house.browser()
    assert "There is no table yet" in browser.get("/privacy/disclosures").text
    assert browser.get("/privacy/disclosures.json").status_code == 404
    busy(house)
    over(house)
    assert "has not signed it yet" in browser.get("/privacy/disclosures").text
    Checkpointer(house.provider.gate.gate.engine, SIGNER.name, SIGNER).run()
    later(house, minutes=2)
    page = browser.get("/privacy/disclosures").text
    assert '<th scope="row">Contact details</th><td>a business partner</td><td>between' in page
    assert "From 11 March 2026 to the end of March 2026" in page
    assert str(SIGNER.key) in html.unescape(page)
    assert 'href="/privacy/disclosures"' in browser.get("/privacy").text
    answer = browser.get("/privacy/disclosures.json")
    assert answer.headers["content-type"].startswith("application/json")
    file = tmp_path / "disclosures.json"
    file.write_bytes(answer.content)
    run_it = CliRunner().invoke
    found = run_it(app, ["ledger", "counts", str(file), "--key", str(SIGNER.key)])
    assert found.exit_code == 0, found.output
    assert "contact-details to business-partner: between" in found.output
    found = run_it(app, ["ledger", "counts", str(file), "--key", str(SIGNER.key), "--json"])
    assert json.loads(found.output)["counts"]["month"] == "2026-03"
    assert run_it(app, ["ledger", "counts", str(file), "--key", str(OTHER.key)]).exit_code == 1
    file.write_bytes(answer.content.replace(b'"least":0', b'"least":1', 1))
    assert run_it(app, ["ledger", "counts", str(file), "--key", str(SIGNER.key)]).exit_code == 1
    assert run_it(app, ["ledger", "counts"]).exit_code != 0


def test_looking_again_shows_the_same_numbers(house: House) -> None:
    """Nobody takes the noise away by asking often, nor by asking another process."""
    busy(house, 30)
    over(house)
    first = told(house, "service")
    for _ in range(5):
        later(house, minutes=2)
        assert told(house, "service") == first
    house.app = provider_app(house.provider, house.policy)
    assert told(house, "service") == first


def test_an_order_shows_nowhere(house: House) -> None:
    """The page of the policy and that of disclosures are the same to the byte, with or without."""
    person = busy(house)
    over(house)
    gate = house.provider.gate.gate
    later(house, minutes=2)
    before = [house.browser().get(path).text for path in ("/privacy", "/privacy/disclosures")]
    desk, silence_end = desk_of(house), house.clock.now() + timedelta(days=20)
    wanted = demand(house, person, fields=("email",), silence_end=silence_end)
    order = approved(house, desk, wanted)
    hold = wanted._replace(kind="preservation", fields=(), recipient="")
    approved(house, desk, hold)
    for _ in range(50):
        assert not isinstance(release(house, desk, order), Refused)
    published_counts.keep(gate)
    later(house, minutes=2)
    after = [house.browser().get(path).text for path in ("/privacy", "/privacy/disclosures")]
    assert after == before
    assert "Legal process is never counted here" in told(house, "legal-process")


def test_the_page_stands_when_the_counts_were_changed(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """The policy is shown without them, and the log says which table is not as it was written."""
    busy(house)
    over(house)
    with writing(house.provider.gate.gate.engine) as connection:
        run(connection, "UPDATE published_count SET body = replace(body, '19', '18')")
    with caplog.at_level(logging.ERROR, "upheld.counts"):
        assert "No month of it is over" in told(house, "service")
    assert "published_count" in caplog.text


def report(tmp_path: Path, digest: str) -> Path:
    """What `upheld mutate --json` prints, of three clauses."""
    path = tmp_path / "stories.json"
    kinds = [("service", "changes"), ("amendments", "dead"), ("registration", "dead")]
    findings = [
        {"id": f"#{clause}", "kind": "clause", "clause": clause, "text": "", "came": came}
        for clause, came in kinds
    ]
    path.write_text(json.dumps({"policy": digest, "percent": 1.0, "findings": findings}))
    return path


def test_a_story_that_covers_a_clause_is_told(house: House, tmp_path: Path) -> None:
    """By the file that the settings name, as long as it is of the policy in force."""
    path = report(tmp_path, house.policy.digest)
    provider = house.provider
    provider.settings = replace(provider.settings, stories=path)
    house.app = provider_app(provider, house.policy)
    assert "Without it, a story" in told(house, "service")
    assert "would miss it yet" in told(house, "registration")
    assert "story" not in told(house, "erasure")
    report(tmp_path, "0" * 64)
    house.app = provider_app(provider, house.policy)
    assert "story" not in told(house, "service")


def test_a_file_that_is_no_report_of_stories_is_refused(tmp_path: Path) -> None:
    """With what is wrong, and the command that writes one."""
    path = tmp_path / "stories.json"
    for raw in (b"", b"[]", b'{"policy": 1}', b"\xff"):
        path.write_bytes(raw)
        with pytest.raises(StoriesError, match="not a report of stories"):
            read_stories(path, "")
    with pytest.raises(StoriesError, match="cannot be read") as caught:
        read_stories(tmp_path / "none.json", "")
    assert "upheld mutate" in caught.value.hint
