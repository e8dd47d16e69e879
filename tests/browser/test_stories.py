"""Whole stories in a browser, as people click, without scripts; each screen is for everyone too.

They are told on the demonstration: its people, its agency, its page of what would be mailed. Time
passes by a clock that is moved, and the jobs are done when it has.
"""

from __future__ import annotations

import asyncio
import io
import json
import re
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import pytest

from browsing import follow, require_accessible
from practices.conftest import SetClock
from processes import free_port
from upheld.app.provider import provider_app
from upheld.demo.running import Demo, ready
from upheld.demo.scenes import PASSWORD
from upheld.web.pages import format_day
from upheld.web.totp import STEP_SECONDS

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

pytestmark = pytest.mark.browser
OWN: Final = "some words of my own"
AGENCY: Final = "Harbour Collections"
CODE: Final = re.compile(r"(?:[A-Z2-9]{4}-){4}[A-Z2-9]{4}")


class Town:
    """The demonstration as it is served, its time, and a browser that looks at its screens."""

    def __init__(self, demo: Demo, clock: SetClock, watching: BrowserContext) -> None:
        self.demo, self.clock, self.watching = demo, clock, watching.new_page()
        self.seen: set[str] = set()

    def later(self, days: int) -> None:
        """Let days pass, and what is due be done."""
        self.clock.moved += timedelta(days=days)
        for job in self.demo.provider.jobs:
            if job.name in {"invoices", "due invoices", "erasures", "outbox"}:
                while job.run(self.demo.provider.gate.gate) and job.name == "outbox":
                    pass

    def mail(self) -> None:
        """Let what waits be mailed."""
        self.later(0)

    def look(self, page: Page) -> None:
        """Look at a screen as axe does, once for each heading that it has."""
        title = page.title() + page.locator("h1").first.inner_text()
        if title in self.seen:
            return
        self.seen.add(title)
        self.watching.route(
            page.url,
            lambda route: route.fulfill(
                body=page.content(), content_type="text/html; charset=utf-8"
            ),
        )
        self.watching.goto(page.url)
        self.watching.unroute_all()
        require_accessible(self.watching, page.url)


class Person:
    """Somebody at their browser, who reads labels and buttons, and has no scripts."""

    def __init__(self, town: Town, context: BrowserContext, name: str) -> None:
        self.town, self.page, self.name = town, context.new_page(), name

    def at(self, path: str) -> Person:
        """Go somewhere by its address."""
        answer = self.page.goto(self.town.demo.settings.url + path)
        assert answer is not None
        assert answer.status == 200, path
        self.town.look(self.page)
        return self

    def press(self, button: str) -> Person:
        """Press a button, and look at what comes."""
        follow(self.page.get_by_role("button", name=button).first)
        self.town.look(self.page)
        return self

    def follow(self, link: str) -> Person:
        """Follow a link, and look at where it leads."""
        follow(self.page.get_by_role("link", name=link).first)
        self.town.look(self.page)
        return self

    def fill(self, told: dict[str, str]) -> Person:
        """Fill fields in by their labels."""
        for label, value in told.items():
            self.page.get_by_label(label).first.fill(value)
        return self

    def tick(self, *labels: str) -> Person:
        """Tick boxes by their labels."""
        for label in labels:
            self.page.get_by_label(label).first.check()
        return self

    def reads(self, *told: str) -> Person:
        """What stands on the screen."""
        shown = self.page.locator("main").inner_text()
        for each in told:
            assert each in shown, f"{each!r} does not stand on {self.page.url}:\n{shown}"
        return self

    def misses(self, *told: str) -> Person:
        """What does not."""
        shown = self.page.locator("main").inner_text()
        assert [each for each in told if each in shown] == []
        return self

    def letter(self, subject: str) -> Person:
        """Open the link of the latest message with a subject."""
        self.town.mail()
        self.at("/demo/mail")
        told = self.page.locator("article", has_text=subject).filter(has_text=self.name).first
        follow(told.get_by_role("link").first)
        self.town.look(self.page)
        return self

    def sign_in(self, password: str = PASSWORD) -> Person:
        """Sign in as a customer."""
        self.at("/sign-in").fill({"E-mail address": self.name, "Password": password})
        return self.press("Sign in")

    def sign_in_at_desk(self, kind: str) -> Person:
        """Sign in at a desk, with the code that the demonstration shows.

        There is none for a moment after somebody has signed in twice within one, so that the
        clock is moved on to the next.
        """
        line = self.page.locator("li", has=self.page.locator(f"code:text-is('{self.name}')"))
        self.at("/demo")
        while not (codes := re.findall(r"\b\d{6}\b", line.inner_text())):
            self.town.clock.moved += timedelta(seconds=STEP_SECONDS)
            self.at("/demo")
        self.at(f"/{kind}/sign-in").fill(
            {"Name you sign in with": self.name, "Password": PASSWORD, "One-time": codes[0]}
        )
        return self.press("Sign in")


Meet = Callable[[str], Person]


@pytest.fixture(scope="module")
def town(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A small demonstration on a free port, under a clock that can be moved."""
    import uvicorn

    port = free_port()
    clock = SetClock()
    demo = ready(tmp_path_factory.mktemp("town"), f"http://127.0.0.1:{port}", 12, clock=clock)
    gate = demo.provider.gate.gate
    app = provider_app(demo.provider, gate.context.policy)
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    with chromium.new_context(bypass_csp=True) as watching:
        yield Town(demo, clock, watching)
    server.should_exit = True
    thread.join()
    with ThreadPoolExecutor(1) as apart:  # the browser's own loop runs in this thread
        apart.submit(asyncio.run, demo.provider.gate.close()).result()


@pytest.fixture
def meet(chromium: Browser, town: Town) -> Iterator[Meet]:
    """Makes somebody with a browser of their own."""
    with ExitStack() as open_until_the_end:

        def made(name: str) -> Person:
            context = chromium.new_context(java_script_enabled=False)
            open_until_the_end.enter_context(context)
            return Person(town, context, name)

        yield made


def born(town: Town, years: int) -> dict[str, str]:
    """The birth date of somebody who turned so old some days ago, by the labels of its fields."""
    day = town.clock.now() - timedelta(days=40)
    parts = (min(day.day, 28), day.month, day.year - years)
    return dict(zip(("Day", "Month", "Year"), map(str, parts), strict=True))


def test_from_sign_up_to_the_first_payment(town: Town, meet: Meet) -> None:
    """Somebody signs up, confirms by a message, orders, is invoiced, gives a card and pays."""
    nia = meet("nia@customer.example").at("/").follow("My account").follow("Sign up")
    nia.fill(born(town, 30)).press("Continue").reads("What you accept")
    nia.fill({"Name": "Nia New", "E-mail": nia.name, "Password": OWN}).tick("I have read")
    nia.press("Sign up").reads("Check your e-mail")
    nia.letter("Confirm your address").press("This is my address")
    nia.sign_in(OWN).reads("Hello, Nia New").follow("Services")
    nia.page.get_by_label("Plan", exact=True).select_option("dsl-10")
    nia.press("Continue").reads("Order DSL 10?", "The bill comes to you")
    nia.press("Order for $29.90 a month").reads("You ordered DSL 10", "Reference")
    town.later(32)
    nia.sign_in(OWN).follow("Balance").reads("You owe $").follow("pay it now")
    nia.follow("Give a card").press("Go to the payment processor")
    nia.fill({"Card number": "4242 4242 4242 4242", "Good through": "12/39"})
    nia.press("Give this card").press("Keep it for payments").press("Pay")
    nia.reads("is taken from the card that you keep with us, once").press("Pay $")
    nia.reads("You paid $", "Reference", "Thank you, it is paid").follow("See the balance").reads(
        "You owe nothing"
    )
    nia.at("/me/privacy/received?which=disclosures").reads("Sandbox Payments")


def test_a_minor_with_a_guardian_who_takes_it_back(town: Town, meet: Meet) -> None:
    """Sixteen: nothing is asked before a guardian said yes; access ends when they take it back."""
    max_, ruth = meet("max.bell@customer.example"), meet("ruth@customer.example")
    max_.at("/sign-up").fill(born(town, 16)).press("Continue")
    max_.reads("Ask a parent or guardian").fill(
        {"Your first name": "Max", "E-mail": ruth.name}
    ).press("Ask them")
    code = CODE.findall(max_.page.locator("main").inner_text())[0]
    max_.at("/sign-up/continue").fill({"Code": code, **born(town, 16)})
    max_.press("Continue").reads("yet")
    ruth.sign_in()
    ruth.letter("permission").reads("Do you give permission?")
    ruth.tick("I am a parent", "I accept the costs", "I supervise")
    ruth.press("I say yes to all three").reads("Family")
    max_.at("/sign-up/continue").fill({"Code": code, **born(town, 16)})
    max_.press("Continue")
    max_.fill({"Name": "Max Bell", "E-mail": max_.name, "Password": OWN}).tick("I have read")
    max_.press("Sign up").letter("Confirm your address").press("This is my address")
    max_.sign_in(OWN).reads("Hello, Max Bell")
    max_.follow("Services").page.get_by_label("Plan", exact=True).select_option("dsl-10")
    max_.press("Continue").reads("Ask your guardian for DSL 10?", "Nothing begins")
    max_.press("Ask my guardian").reads("You asked your guardian for DSL 10.", "no service")
    ruth.at("/me/family").follow("Max Bell").reads("We log that you viewed this")
    ruth.reads("Max Bell asks for DSL 10, $29.90 a month.").follow("See what it costs")
    ruth.reads("Say yes to DSL 10 for Max Bell?", "Max Bell asks for it, with the code")
    ruth.press("Say yes to $29.90 a month").reads("You said yes. It is ordered.", "Together")
    ruth.fill({"Limit a month": "30.00"}).press("Set this limit").reads("At most $30.00 a month")
    max_.at("/me/services").reads("DSL 10")
    max_.page.get_by_label("Plan", exact=True).select_option("dsl-50")
    max_.press("Continue").press("Ask my guardian").reads("the limit that was set is $30.00")
    max_.at("/me").reads("Your guardian looked at your account").follow("What they saw")
    ruth.press("Take it back").reads("Take back your permission?", "They are signed out")
    ruth.press("Take it back").reads("You took back your permission.", "Reference")
    ruth.reads("You see nothing at the moment")
    max_.page.reload()
    assert "/sign-in" in max_.page.url
    max_.fill({"E-mail address": max_.name, "Password": OWN}).press("Sign in")
    max_.reads("Your account waits")
    ruth.follow("Undo this").press("Give it again").reads("We log that you viewed this")
    max_.sign_in(OWN).reads("Hello, Max Bell")


def test_a_debt_from_its_due_date_to_its_recall(town: Town, meet: Meet) -> None:
    """Due, reminded, taken by staff, handed to an agent, paid, recalled; deletion is confirmed."""
    ann = meet("ann@customer.example").sign_in()
    ann.follow("Balance")
    number = re.findall(r"Invoice (\d{4}-\d+)\n", ann.page.locator("main").inner_text())
    town.later(15)
    ann.sign_in().reads("has been due since")
    for days in (8, 14, 8):
        town.later(days)
    ann.sign_in().follow("Messages").reads("Last reminder")
    olga = meet("olga").sign_in_at_desk("staff").follow("Debts")
    waiting = olga.page.locator("tr", has_text="nobody").get_by_role("link").all_inner_texts()
    mine = next(each for each in waiting if each in number)
    olga.follow(mine).misses("Ann Marlow").press("Take the task")
    olga.reads("What an agent is never told", "interests")
    olga.page.get_by_label("Agent").select_option(label=AGENCY)
    olga.press("Hand it over").reads(f"Hand this account to {AGENCY}?", "Owed on this account")
    olga.press("Hand it over").reads("You handed this account over.", f"{AGENCY} has this account")
    ed = meet("ed").sign_in_at_desk("agent")
    ed.reads("Ann Marlow", ann.name).misses("baker", "gardener")
    ann.at("/me").reads(f"{AGENCY} collects what you owe")
    ann.at("/me/payment").press("Pay").press("Pay $").reads("Thank you, it is paid")
    ann.at("/me").misses(AGENCY)
    ed.at("/agent").misses("Ann Marlow")
    debt = ed.page.locator(".todo", has_text=f"{town.clock.now():%B %Y}")
    follow(debt.get_by_role("button").last)
    olga.at("/staff/debts").reads("Deletion confirmed")
    ann.at("/me/privacy/received?which=disclosures").reads(AGENCY)


def test_a_question_is_answered_and_solved(meet: Meet) -> None:
    """Somebody writes to us, whoever takes it answers, a mail says so, both read, it is closed."""
    gil = meet("gil@customer.example").sign_in().follow("Help")
    gil.press("Send").reads("There is a problem")
    gil.page.get_by_label("What is it about?").select_option("question")
    gil.fill({"What happened": "Does my modem work abroad?"}).press("Send")
    gil.reads("We have your message.", "Reference", "Waiting for our answer")
    ticket = gil.page.url.rpartition("/")[2].partition("?")[0]
    olga = meet("olga").sign_in_at_desk("staff").at(f"/staff/tasks/{ticket}")
    olga.misses("Does my modem work abroad?").press("Take this task").follow("Go there")
    olga.reads("Does my modem work abroad?", "The customer wrote.")
    olga.fill({"Your note": "Asked before."}).press("Save the note").reads("Note, not sent")
    olga.fill({"Your answer": "It does, at home."}).press("Send the answer")
    gil.letter("We answered your question").reads("It does, at home.").misses("Asked before.")
    gil.fill({"Your reply": "Thank you!"}).press("Send").reads("We have your reply.")
    olga.at(f"/staff/help/{ticket}").reads("Thank you!")
    gil.press("It is solved: close it").reads("You closed this.", "Closed on")
    olga.at(f"/staff/help/{ticket}").reads("The customer closed this.").misses("Thank you!")
    gil.at("/me/privacy/received").reads("Our staff")


def test_a_correction_is_asked_about_and_made_at_the_desk(town: Town, meet: Meet) -> None:
    """Staff read text and value at the desk, ask back, are answered, change it; both sides see."""
    flo = meet("flo@customer.example").sign_in().at("/me/privacy/correct?field=birth-date")
    right = {"Day": "27", "Month": "3", "Year": "1965"}
    flo.fill({**right, "What helps us": "My passport says so."}).press("Ask for it")
    flo.reads("Correct what is wrong: birth date", "Being worked on", "we answer by")
    flo.reads("The right birth date is 27 March 1965.")
    olga = meet("olga").sign_in_at_desk("staff").follow("Requests")
    line = f"Correct what is wrong: birth date, received on {format_day(town.clock.now())}"
    olga.misses("passport", "Flo Winter").follow(line).misses("passport")
    olga.press("Take this task").follow("Go there")
    olga.reads("My passport says so.", "What we hold", "due on")
    olga.fill({"Your message": "Which passport is it?"}).press("Send the message")
    flo.letter("There is news about your request").reads("Which passport is it?")
    flo.fill({"Your reply": "The one of 2020."}).press("Send").reads("The one of 2020.")
    olga.at(olga.page.url.removeprefix(town.demo.settings.url)).reads("The one of 2020.")
    olga.fill({**right, "Month": "13"}).press("Change it").reads("There is a problem")
    olga.fill(right).press("Change it").reads("This request is answered", "The task is closed.")
    flo.letter("There is news about your request").reads("Answered on").misses("Take this request")
    flo.at("/me/privacy?show=birth-date").reads("27 March 1965")
    flo.at("/me/privacy/received").reads("corrected what we hold about you")


def test_whoever_signs_in_again_and_again_gets_a_code_each_time(meet: Meet) -> None:
    """A code counts once; the next is shown when its half minute has come."""
    for _ in range(4):
        meet("olga").sign_in_at_desk("staff").reads("Olga")


def test_a_copy_and_an_erasure_with_an_unpaid_invoice(town: Town, meet: Meet) -> None:
    """The copy has everything in three forms; what an invoice rests on stays, and is certified."""
    dan = meet("dan@customer.example").sign_in().follow("My privacy").follow("Get a copy")
    with dan.page.expect_download() as coming:
        dan.page.get_by_role("button", name="Make my copy").click()
    with zipfile.ZipFile(io.BytesIO(coming.value.path().read_bytes())) as copy:
        names = copy.namelist()
        told = [copy.read(each).decode() for each in names if each.endswith(".json")]
        assert any("Dan Frost" in each for each in told)
        assert all(json.loads(each) is not None for each in told)
        assert {name.rsplit(".", 1)[-1] for name in names} >= {"json", "csv", "html"}
    dan.at("/me/privacy/erase").reads("You still owe").press("Ask for erasure").reads(
        "Tick the box"
    )
    dan.tick("I am sure").press("Ask for erasure").reads("Your erasure")
    link = re.findall(r"/erased/[\w-]+", dan.page.content())[0]
    dan.at("/me/privacy/requests").reads("Being worked on")
    olga = meet("olga").sign_in_at_desk("staff").follow("Requests").follow("See how it stands")
    olga.reads("What happens next", "What stands in its way", "What stays even so")
    olga.misses("Dan Frost", dan.name)
    town.later(4)
    after = meet("dan@customer.example").at(link)
    after.reads("Your erasure", "transactions")
    after.at("/sign-in").fill({"E-mail address": dan.name, "Password": PASSWORD}).press("Sign in")
    after.reads("is not right")
