"""The pages of the demonstration alone: who can sign in, and what would have been mailed.

They show what a provider shows to nobody: a password, codes that are valid now, other people's
letters. There is nothing else in them, and they are brought by no other program.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from email.message import EmailMessage
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import pyotp
from markupsafe import Markup, escape
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from upheld.database.own_tables import Tables
from upheld.demo.build import SignIn
from upheld.demo.scenes import PASSWORD
from upheld.practice.endpoints import SIGN_IN
from upheld.practice.plugin import MenuEntry, Practice, Provider
from upheld.practice.tables import desk_user
from upheld.practices.messages.carrier import Box
from upheld.web.pages import EVERYBODY
from upheld.web.totp import STEP_SECONDS

SHOWN_MAX: Final = 100
_ADDRESS: Final = re.compile(r"https?://[^\s<>]+")
_LETTER: Final = re.compile(r"<!-- letter -->(.*)<!-- /letter -->", re.DOTALL)
_STYLE: Final = re.compile(r' style="[^"]*"')
_HREF: Final = re.compile(r' href="(https?://[^"]*)"')


class Door(NamedTuple):
    """Somebody who signs in, and what they need for it now."""

    who: SignIn
    page: str
    code: str  # empty for customers, and for a moment after one was used


class Letter(NamedTuple):
    """A message that would have been mailed."""

    to: str
    subject: str
    at: str
    html: Markup  # as a mail program shows it
    text: Markup


def practice(provider: Provider, box: Box, people: Sequence[SignIn]) -> Practice:
    """The pages of the demonstration."""
    return Practice(
        "demo",
        routes=[
            Route("/demo", DemoPages(provider, box, people).people, methods=["GET"]),
            Route("/demo/mail", DemoPages(provider, box, people).mail, methods=["GET"]),
        ],
        menu=[MenuEntry(EVERYBODY, "Demo: who can sign in", "/demo", "", 0, bar=True)],
    )


class DemoPages:
    """The two pages."""

    def __init__(self, provider: Provider, box: Box, people: Sequence[SignIn]) -> None:
        self.provider, self.box, self._people = provider, box, people

    async def people(self, request: Request) -> Response:
        """Who can sign in, and by what."""
        doors = await self.provider.read(self.doors)
        return self.provider.pages.page(request, "demo/people.html", doors=doors, password=PASSWORD)

    def doors(self, tables: Tables) -> list[Door]:
        """Everybody who signs in, with the codes that are valid now."""
        return [Door(each, SIGN_IN[each.kind], self._code(tables, each)) for each in self._people]

    def _code(self, tables: Tables, who: SignIn) -> str:
        """The next code of somebody that was not used yet; empty until there is one."""
        if not who.secret:
            return ""
        user = tables.get(desk_user, "user_id = ?", who.user_id)
        now = int(self.provider.now().timestamp()) // STEP_SECONDS
        step = max(now, user.step + 1 if user else now)
        read = pyotp.parse_uri(who.secret)
        fits = isinstance(read, pyotp.TOTP) and step <= now + 1
        return read.generate_otp(step) if fits else ""

    async def mail(self, request: Request) -> Response:
        """What would have been mailed since the start, the latest first."""
        letters = [_letter(each) for each in reversed(self.box.messages)][:SHOWN_MAX]
        return self.provider.pages.page(request, "demo/mail.html", letters=letters)


def _letter(message: EmailMessage) -> Letter:
    part, styled = message.get_body(("plain",)), message.get_body(("html",))
    if part is None or styled is None:
        raise HTTPException(500)
    return Letter(
        message["To"],
        message["Subject"],
        message["Date"],
        letter_markup(styled.get_content()),
        linked(part.get_content()),
    )


def letter_markup(page: str) -> Markup:
    """The letter in an HTML part that we wrote, in this page's style and with its links here."""
    letter = _LETTER.search(page)
    text = _STYLE.sub("", letter[1] if letter else "")
    return Markup(_HREF.sub(lambda match: f' href="{_local(match[1])}"', text))  # noqa: S704 - compose escaped each value


def _local(address: str) -> str:
    """An address without its site, so that it leads here and nowhere else."""
    return urlsplit(address)._replace(scheme="", netloc="").geturl() or "/"


def linked(text: str) -> Markup:
    """A text whose addresses can be followed, here and nowhere else."""
    markup, end = Markup(), 0
    for match in _ADDRESS.finditer(text):
        address = match[0].rstrip(".,;:)")
        path = urlsplit(address)._replace(scheme="", netloc="").geturl()
        markup += escape(text[end : match.start()]) + Markup('<a href="{}">{}</a>').format(
            path, address
        )
        end = match.start() + len(address)
    return markup + escape(text[end:])
