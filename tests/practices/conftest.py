"""A running provider for stories: its gate, its people, and browsers without scripts."""

from __future__ import annotations

import asyncio
import html
import os
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, Literal, TypeVar

import httpx2
import pyotp
import pytest
from starlette.testclient import TestClient

import upheld
from empty import empty_tables
from upheld.app.provider import PRACTICES, provide, provider_app
from upheld.core import observing
from upheld.core.clock import Clock
from upheld.core.ids import PersonId, UserId
from upheld.core.settings import Settings
from upheld.database.tables import MICROSECOND, microseconds
from upheld.demo import sample_policy
from upheld.gate.async_gate import AsyncGate, open_gate_sync
from upheld.gate.transaction import GateTransaction
from upheld.practice import credentials, operators
from upheld.practice.endpoints import cookie_name
from upheld.practice.plugin import Provider
from upheld.practices.accounts import domain
from upheld.vault.keyring import KeyFile, Keyring
from upheld.web import passwords, sessions, totp

T = TypeVar("T")
PAGE = {"accept": "text/html", "sec-fetch-site": "same-origin"}
PASSWORD = "four plain words here"  # noqa: S105 - of people who do not exist
START = datetime(2026, 3, 11, 16, 20, tzinfo=UTC)  # far from the ends of months and of summer time
TOKEN = re.compile(r'name="_token" value="([0-9a-f]+)"')
HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')
ACTION = re.compile(r'<form method="post" action="([^"]+)">')


class SetClock(Clock):
    """A clock that a story sets: it begins at the same moment on every day of the year.

    What has passed is counted from `since`, so that several houses of one story agree on it.
    """

    def __init__(
        self, start: datetime = START, zone: tzinfo = UTC, since: int | None = None
    ) -> None:
        super().__init__(self._told, self._told, zone)  # as if it had passed
        self._start = microseconds(start) * 1000
        self._begun = time.monotonic_ns() if since is None else since
        self.moved = timedelta()

    def _told(self) -> int:
        passed = time.monotonic_ns() - self._begun
        return self._start + passed + self.moved // MICROSECOND * 1000


class House:
    """A running provider, and what a test does with it."""

    def __init__(self, provider: Provider, policy: upheld.Policy, clock: SetClock) -> None:
        self.provider, self.policy, self.clock = provider, policy, clock
        self.app = provider_app(provider, policy)

    def browser(self) -> TestClient:
        """Somebody's browser, without scripts, signed in as nobody."""
        return TestClient(
            self.app, headers=PAGE, follow_redirects=False, raise_server_exceptions=True
        )

    def do(self, work: Callable[[GateTransaction], T]) -> T:
        """Do a piece of work at the gate."""
        with self.provider.gate.gate.together() as transaction:
            return work(transaction)

    def customer(
        self, email: str = "ann@marked.example", born: str = "1990-02-01", **values: str
    ) -> PersonId:
        """A customer with a confirmed account, a service and a password."""

        def work(transaction: GateTransaction) -> PersonId:
            person = transaction.enrol()
            transaction.store(
                person, {"birth-date": born}, source="customer", occasion="registration"
            )
            transaction.store(
                person,
                {"name": "Ann Marked", "email": email, **values},
                source="customer",
                occasion="registration",
            )
            credentials.change_secret(
                transaction,
                person,
                credentials.SIGN_IN,
                passwords.hashed(PASSWORD),
                occasion="registration",
            )
            transaction.record(person, "service-order", fact="has-service")
            domain.open_account(transaction, person, agreement_digest="0" * 64)
            domain.verify(transaction, person)
            return person

        return self.do(work)

    def signed_in(self, subject: str, kind: str = "customer") -> TestClient:
        """The browser of somebody who is signed in."""
        browser = self.browser()
        raw = self.do(
            lambda transaction: sessions.begin(transaction.tables, kind, subject, self.clock.now())
        )
        browser.cookies.set(cookie_name(self.provider, kind), raw)
        return browser

    def staff(
        self, *roles: str, kind: str = "staff", sign_in: str = "sam", party: str = ""
    ) -> UserId:
        """Somebody who works at a desk; their id."""
        return self.enrolled(*roles, kind=kind, sign_in=sign_in, party=party)[0]

    def enrolled(
        self, *roles: str, kind: str = "staff", sign_in: str = "sam", party: str = ""
    ) -> tuple[UserId, pyotp.TOTP]:
        """Somebody who works at a desk; their id, and what their authenticator shows."""

        def work(transaction: GateTransaction) -> tuple[UserId, pyotp.TOTP]:
            user = operators.add_user(
                transaction.tables, kind, "Sam Desk", sign_in, roles=roles, party=party
            )
            secret = totp.new_secret()
            operators.enable_sign_in(
                transaction, user.user_id, passwords.hashed(PASSWORD), secret, 0
            )
            return user.user_id, pyotp.TOTP(secret)

        return self.do(work)


def send(browser: TestClient, path: str, data: dict[str, Any], page: str = "") -> httpx2.Response:
    """Fill in a form as its page shows it, send it, and confirm what one is asked about then."""
    page_shown = browser.get(page or path)
    match = TOKEN.search(page_shown.text)
    answer = browser.post(path, data={"_token": match[1] if match else "", **data})
    return answer if answer.status_code != 200 else confirm(browser, answer, data)


def confirm(
    browser: TestClient, answer: httpx2.Response, data: dict[str, Any] | None = None
) -> httpx2.Response:
    """Press the button of a page that asks before something is done; any other page is returned."""
    if 'name="_confirmed"' not in answer.text:
        return answer
    main = answer.text[answer.text.index("<main") :]
    action = ACTION.search(main)
    assert action
    hidden = {name: html.unescape(value) for name, value in HIDDEN.findall(main)}
    return browser.post(html.unescape(action[1]), data={**(data or {}), **hidden})


def pytest_collection_finish() -> None:
    """Make the empty tables before any story is told in a fork, which then need not."""
    if observing.observer() is not None:
        empty_tables()


def _while_noting(fixture_name: str, config: pytest.Config) -> Literal["function", "session"]:
    """Notes are of what each story asks: none asks a policy that remembers what another asked."""
    del fixture_name, config
    return "function" if observing.observer() is not None else "session"


@pytest.fixture(scope=_while_noting)
def sample() -> upheld.Policy:
    """The sample policy, or the one under test in its place."""
    return upheld.load(observing.policy_under_test(sample_policy()))


def close(gate: AsyncGate) -> None:
    """Close a gate, from a thread of its own: a browser's loop may run in this one."""
    with ThreadPoolExecutor(1) as apart:
        apart.submit(asyncio.run, gate.close()).result()


def houses(database_url: str, tmp_path: Path) -> Iterator[Callable[..., House]]:
    """What opens a running provider under a policy, and closes it at the end."""
    gates: list[AsyncGate] = []
    master = tmp_path / "master"
    master.write_bytes(os.urandom(32))
    master.chmod(0o600)
    keyring = Keyring.create(tmp_path / "keyring", KeyFile(master))
    agreement = tmp_path / "terms.md"
    agreement.write_text("# Master Terms\n\nPay what you owe, and be kind.\n")
    since = time.monotonic_ns()

    def opening(policy: upheld.Policy, start: datetime = START, zone: tzinfo = UTC) -> House:
        clock = SetClock(start, zone, since)
        gate = open_gate_sync(database_url, policy=policy, keys=keyring)
        gate.context = gate.context.by(clock)
        gates.append(AsyncGate(gate))
        settings = Settings(
            database=database_url,
            phone="+1 555 010 0100",
            contact="help@larch.example",
            agreement=agreement,
        )
        return House(provide(gates[-1], settings, PRACTICES), policy, clock)

    yield opening
    for each in gates:
        close(each)


@pytest.fixture
def open_house(database_url: str, tmp_path: Path) -> Iterator[Callable[..., House]]:
    """Opens a running provider under a policy."""
    yield from houses(database_url, tmp_path)


@pytest.fixture
def house(open_house: Callable[..., House], sample: upheld.Policy) -> House:
    """A running provider under the sample policy."""
    return open_house(sample)
