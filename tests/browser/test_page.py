"""The policy page in a browser: for everyone, without scripts, without anyone else."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from operator import ne
from typing import TYPE_CHECKING

import pytest

import upheld
from browsing import WIDTHS, follow, require_seen_well, screen, served
from pages import POLICY, WORDS
from upheld.app.policy import policy_app, publish_files
from upheld.demo import sample_policy
from upheld.policy.analyse.page import page

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser
ASKED = (
    "/privacy/ask?action=share&data=email&recipient=trusted-partner&purpose=offers&occasion=other"
)
PATHS = (
    "/",
    ASKED,
    "/privacy/ask?action=shred",
    "/privacy/clause/trusted-partners",
    "/nowhere",
    "/privacy?rules=open",
    "/privacy/find?q=confidential",
    "/privacy/find?q=zebra",
)


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """A server of the policy on a free port."""
    with served(policy_app(upheld.load_text(POLICY, vocabulary=WORDS))) as address:
        yield address


@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_is_for_everyone(chromium: Browser, site: str, width: int) -> None:
    """No page breaks a rule of WCAG 2.2 AA that can be tested, or scrolls sideways."""
    with screen(chromium, width) as page:
        for path in PATHS:
            page.goto(site + path)
            require_seen_well(page, width, path)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_comparison_is_for_everyone(chromium: Browser, width: int) -> None:
    """The page of two versions side by side breaks no rule either, and needs no server."""
    old = upheld.load_text(POLICY, vocabulary=WORDS)
    new = upheld.load_text(POLICY.replace("may not", "may", 1), vocabulary=WORDS)
    with chromium.new_context(viewport={"width": width, "height": 844}) as context:
        tab = context.new_page()
        tab.set_content(page(old, new, upheld.compare(old, new)))
        assert tab.locator("del, ins").count() > 0
        require_seen_well(tab, width, "a comparison")


def test_nothing_is_asked_of_anyone_else(chromium: Browser, site: str) -> None:
    """Every request of a page goes to the page's own server, and nothing is refused or logged."""
    with chromium.new_context() as context:
        page = context.new_page()
        requests: list[str] = []
        said: list[str] = []
        page.on("request", lambda each: requests.append(each.url))
        page.on("console", lambda each: said.append(each.text))
        page.goto(site)
        page.goto(site + ASKED)
        assert len(requests) > 2
        assert [each for each in requests if not each.startswith(site)] == []
        assert said == []
        assert context.cookies() == []


def test_a_question_can_be_asked_without_scripts(chromium: Browser, site: str) -> None:
    """The form, the answer and supposing a fact work where no script runs."""
    with chromium.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(site)
        page.get_by_label("Information", exact=True).select_option("email")
        page.get_by_label("Recipient", exact=True).select_option("court")
        page.get_by_label("Purpose", exact=True).select_option("offers")
        page.get_by_label("Moment", exact=True).select_option("other")
        follow(page.get_by_role("button", name="Ask"))
        assert "Sometimes" in page.locator(".verdict").inner_text()
        follow(page.get_by_role("link", name="suppose so"))
        assert "Yes" in page.locator(".verdict").inner_text()


@pytest.mark.parametrize("width", [1280, 390])
def test_the_verdict_is_seen_without_scrolling(chromium: Browser, site: str, width: int) -> None:
    """An answer stands above the fold, on a phone too."""
    with chromium.new_context(viewport={"width": width, "height": 844}) as context:
        page = context.new_page()
        page.goto(site + ASKED)
        box = page.locator(".verdict").bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < 844


def test_the_keyboard_reaches_the_policy(chromium: Browser, site: str) -> None:
    """The first key stroke offers to skip to the policy, and focus is seen."""
    with chromium.new_context() as context:
        page = context.new_page()
        page.goto(site)
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        page.keyboard.press("Enter")
        page.wait_for_url("**/#_main")


def test_finding_hides_what_does_not_match(chromium: Browser, site: str) -> None:
    """What is typed narrows the clauses, and a link into a hidden one shows it again."""
    with chromium.new_context() as context:
        page = context.new_page()
        page.goto(site)
        page.get_by_label("Find in policy").fill("advertiser learns")
        page.locator("article .clause:visible").nth(1).wait_for(state="detached")
        assert page.locator("article .clause:visible").count() == 1
        page.evaluate("location.hash = '#access'")
        page.locator("#access").wait_for(state="visible")


def test_finding_works_without_scripts(chromium: Browser, site: str) -> None:
    """The form leads to a page of the clauses found, and from there back into the policy."""
    with chromium.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(site)
        page.get_by_label("Find in policy").fill("advertiser learns")
        follow(page.get_by_role("button", name="Find"))
        assert page.locator(".clause").count() == 1
        follow(page.get_by_role("link", name="See it in the policy"))
        assert page.locator("article .clause:target").count() == 1


def test_the_table_of_recipients_is_a_card_each_on_a_phone(chromium: Browser, site: str) -> None:
    """On a phone each cell says what it is about, and the table stays one to whoever listens."""
    with chromium.new_context(viewport={"width": 390, "height": 844}) as context:
        page = context.new_page()
        page.goto(site + "/#_who")
        columns = [each.lower() for each in page.locator(".who thead th").all_inner_texts()[1:]]
        for row in page.locator(".who tbody tr").all():
            labels = row.locator("td").evaluate_all(
                """cells => cells.map(each =>
                [each.colSpan, JSON.parse(getComputedStyle(each, '::before').content)])"""
            )
            reached = 0
            for width, label in labels:
                names = columns[reached : reached + width]
                reached += width
                whole = ["everything else"] if reached == len(columns) else []
                assert label.lower() in {", ".join(names), "anything", *whole}
            assert reached == len(columns)
        assert page.get_by_role("table").get_by_role("rowheader").count() > 2


def test_targets_are_large_enough_on_touch(chromium: Browser, site: str) -> None:
    """On a touch screen every control is at least 44 pixels high."""
    with chromium.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    ) as context:
        page = context.new_page()
        for path in ("/", ASKED):
            page.goto(site + path)
            small = page.evaluate(
                """() => [...document.querySelectorAll("a,button,select,summary,input")]
                .filter(e => e.checkVisibility() && !e.classList.contains("skip"))
                .filter(e => e.getBoundingClientRect().height < 43.5).map(e => e.outerHTML)"""
            )
            assert small == [], path


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The sample policy as a folder of files."""
    folder = tmp_path_factory.mktemp("policy")
    publish_files(upheld.load(sample_policy()), folder)
    return f"file://{folder}"


def test_print_is_prose_and_the_rules_an_appendix_on_request(
    chromium: Browser, sample: str
) -> None:
    """Printed, the policy has its clauses on a few pages; opened rules stand at the end."""
    with chromium.new_context() as context:
        page = context.new_page()
        page.emulate_media(media="print")
        for name, appendix in (("index.html", False), ("rules.html", True)):
            page.goto(f"{sample}/{name}")
            assert page.locator("article .prose >> visible=true").count() > 60
            assert page.locator(".means >> visible=true").count() == 0
            assert page.locator(".gist >> visible=true").count() == 0
            assert page.locator(".who >> visible=true").count() == 0
            assert (page.locator(".appendix >> visible=true").count() == 1) == appendix
        page.goto(f"{sample}/index.html")
        pages = page.pdf(format="A4").count(b"/Type /Page\n")
        assert 1 <= pages <= 10


def test_finding_knows_what_people_call_things(chromium: Browser, sample: str) -> None:
    """A word of theirs leaves its clauses with the hits in view, and no bare heading."""
    with chromium.new_context() as context:
        page = context.new_page()
        page.goto(f"{sample}/index.html")
        field = page.get_by_label("Find in policy")
        for word in ("email", "ads", "telephone", "police"):
            field.fill(word)
            assert page.locator("article .clause:visible").count() > 0, word
            assert page.evaluate("CSS.highlights.get('find').size") > 0
            bare = page.evaluate(
                """() => {
                  const shown = [...document.querySelector("article").children]
                    .filter((each) => each.checkVisibility());
                  return shown.filter((each, at) => /^H[2-6]$/.test(each.tagName) &&
                    !shown[at + 1]?.matches(".clause")).map((each) => each.textContent);
                }"""
            )
            assert bare == [], word
        field.fill("")
        assert page.locator("article .gist:visible").count() > 5
        assert page.locator("details.means[open]").count() == 0


@pytest.mark.parametrize("width", [1280, 390])
def test_a_visitor_asks_and_reads_a_true_answer(chromium: Browser, width: int) -> None:
    """From the form to an answer with when and when not, supposing what it hangs on, to a yes."""
    with (
        served(policy_app(upheld.load(sample_policy()))) as site,
        chromium.new_context(
            viewport={"width": width, "height": 844}, java_script_enabled=False
        ) as context,
    ):
        page = context.new_page()
        page.goto(site)
        page.get_by_label("Act", exact=True).select_option("contact")
        page.get_by_label("Purpose", exact=True).select_option("offers")
        page.get_by_role("button", name="Ask").click()
        verdict = page.locator(".verdict")
        page.locator(".verdict", has_text="Sometimes:").wait_for()
        answer = page.locator(".answer").inner_text()
        assert "May you send me offers?" in answer
        assert "not when" in answer
        while "Sometimes" in verdict.inner_text():
            elsewhere = partial(ne, page.url)
            page.get_by_role("link", name="suppose so").first.click()
            page.wait_for_url(elsewhere)
        assert "Yes" in verdict.inner_text()
        address = page.url
        page.goto("about:blank")
        page.goto(address)
        assert "Yes" in verdict.inner_text()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
