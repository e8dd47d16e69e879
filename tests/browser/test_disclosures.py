"""What clauses have decided and what was disclosed, in a browser: for everyone, scripts or not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

import upheld
from browsing import WIDTHS, require_seen_well, screen, served
from empty import empty_database
from ledger.logs import SIGNER
from practices.conftest import houses
from practices.test_disclosures import busy, later, over
from upheld.demo import sample_policy
from upheld.gate.log.checkpointer import Checkpointer

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running provider that has published a month, signed."""
    folder = tmp_path_factory.mktemp("disclosures")
    with contextmanager(houses)(empty_database(folder), folder) as opening:
        house = opening(upheld.load(sample_policy()))
        busy(house)
        over(house)
        Checkpointer(house.provider.gate.gate.engine, SIGNER.name, SIGNER).run()
        later(house, minutes=2)
        with served(house.app) as address:
            yield address


@pytest.mark.parametrize("width", WIDTHS)
def test_the_numbers_are_for_everyone(chromium: Browser, site: str, width: int) -> None:
    """Neither page breaks a rule of WCAG 2.2 AA that can be tested, or scrolls sideways."""
    with screen(chromium, width) as page:
        for path in ("/privacy?rules=open", "/privacy/clause/service", "/privacy/disclosures"):
            page.goto(site + path)
            require_seen_well(page, width, path)


def test_whoever_wants_to_see_opens_the_fold_without_scripts(chromium: Browser, site: str) -> None:
    """What a clause has decided stands in its fold alone; a link there says how it is counted."""
    with chromium.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{site}/privacy")
        clause = page.locator("#service")
        facts = clause.get_by_text("What it has decided.")
        assert not facts.is_visible()
        clause.locator("summary").first.click()
        facts.wait_for(state="visible")
        assert "11 March 2026" in clause.inner_text()
        clause.get_by_role("link", name="How we count").click()
        page.get_by_role("heading", name="What we disclosed").wait_for()
        assert page.get_by_role("rowheader", name="Contact details").is_visible()
