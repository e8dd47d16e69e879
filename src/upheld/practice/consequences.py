"""Before and after an act that matters: a page that says what will happen, and a banner.

The page answers a GET, which never acts: it says what the act does and costs, and its form alone,
sent as a POST, acts. The page after it carries a banner with a reference and, where one is
possible, a way to undo it. A banner is sealed for the session that acted and shown for a few
minutes: no link of anybody else's can make our page say that something was done.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from upheld.gate.public import SealError
from upheld.practice.plugin import Provider
from upheld.web.sessions import Session

LASTS: Final = timedelta(minutes=10)
PARAMETER: Final = "done"
REFERENCE_LENGTH: Final = 8


class Confirmation(NamedTuple):
    """What is confirmed: a question, what will happen, what it costs, and the form that acts."""

    title: str
    consequences: Sequence[str]
    action: str  # the path to which the form is sent
    button: str
    back: str  # the path of whoever changes their mind
    values: Mapping[str, str] = {}  # what the form carries
    costs: Sequence[tuple[str, str]] = ()  # an item and its amount, as they are written
    grave: bool = False  # whether something is taken away by it


class Banner(msgspec.Struct, frozen=True):
    """What was done: a sentence, its reference, and where it can be undone (empty where not)."""

    text: str
    reference: str
    undo: str = ""


class _Message(msgspec.Struct, frozen=True):
    """A banner, and until when it is in force."""

    banner: Banner
    until: datetime


def confirmation_page(
    provider: Provider, request: Request, confirmation: Confirmation, status: int = 200
) -> Response:
    """The page that asks before something is done."""
    return provider.pages.page(request, "confirm.html", status=status, confirmation=confirmation)


def short_reference(identifier: str) -> str:
    """The reference that people are told of a record or row, by the beginning of its id."""
    return identifier[:REFERENCE_LENGTH].upper()


def redirect_with_banner(
    provider: Provider, session: Session, path: str, banner: Banner
) -> Response:
    """Lead to a page that shows what was done."""
    raw = msgspec.json.encode(_Message(banner, provider.now() + LASTS))
    sealed = provider.sealer("web", "banner").seal(raw, "banner", session.key.hex())
    word = urlsafe_b64encode(sealed).decode().rstrip("=")
    return RedirectResponse(f"{path}?{urlencode({PARAMETER: word})}", 303)


def read_banner(provider: Provider, request: Request, session: Session) -> Banner | None:
    """The banner of a page's address; None where there is none of this session, or it is over."""
    word = request.query_params.get(PARAMETER, "")
    if not word:
        return None
    try:
        sealed = urlsafe_b64decode(word + "=" * (-len(word) % 4))
        raw = provider.sealer("web", "banner").unseal(sealed, "banner", session.key.hex())
        message = msgspec.json.decode(raw, type=_Message)
    except (ValueError, SealError, msgspec.MsgspecError):
        return None
    return message.banner if provider.now() < message.until else None
