"""Before and after an act that matters: a page that says what will happen, and a banner.

The page says what the act does and costs, and never acts; its form alone does. That form carries
a sealed word for what was shown, which is good once and for its own session: the act works out
anew, in its own transaction, what it would do, and whoever was shown anything else is asked again.
So nobody is charged otherwise than they read, twice, or by somebody else's yes.

The page after it carries a banner with a reference and, where one is possible, a way to undo it. A
banner is sealed for the session that acted and shown for a few minutes: no link of anybody else's
can make our page say that something was done.
"""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from upheld.core.errors import UpheldError
from upheld.database.own_tables import Tables
from upheld.gate.public import SealError
from upheld.practice.citations import Quote
from upheld.practice.plugin import Provider
from upheld.web import once
from upheld.web.sessions import Session

if TYPE_CHECKING:
    from upheld.practice.endpoints import Visit

BANNER_LASTS: Final = timedelta(minutes=10)
PAGE_LASTS: Final = timedelta(minutes=30)
PARAMETER: Final = "done"
WORD: Final = "_confirmed"  # of the form: the sealed word for what was shown
TICK: Final = "sure"
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
    quotes: Sequence[Quote] = ()  # the clauses under which it is done
    tick: str = ""  # what has to be ticked as well, where a button alone is too little
    after: str = ""  # the path that shows what came of it, where that is not `back`

    @property
    def digest(self) -> str:
        """What stands for all that the page shows: another text or amount has another one."""
        return sha256(msgspec.json.encode(tuple(self))).hexdigest()


class Unconfirmed(Enum):
    """Why an act was not confirmed; the value is what the page says of it."""

    ASKED = ""  # the form comes from a page that asked nothing
    TICK = "Tick the box to confirm that you are sure."
    CHANGED = "Something has changed since we asked you. This is how it is now."
    REPEATED = "This was confirmed already."


class NotConfirmedError(UpheldError):
    """An act that somebody has not said yes to as it is now: they are asked, and nothing is done.

    It is raised in the act's own transaction, so that all of it is undone.
    """

    def __init__(self, confirmation: Confirmation, reason: Unconfirmed) -> None:
        super().__init__("this was not confirmed", code="unconfirmed")
        self.confirmation, self.reason = confirmation, reason


class Banner(msgspec.Struct, frozen=True):
    """What was done: a sentence, its reference, and where it can be undone (empty where not)."""

    text: str
    reference: str
    undo: str = ""


class _SealedBanner(msgspec.Struct, frozen=True):
    """A banner, and until when it is in force."""

    banner: Banner
    until: datetime


class _SealedYes(msgspec.Struct, frozen=True):
    """What a page showed, by its digest, which page it was, and until when its form is good."""

    digest: str
    page: str
    until: datetime


def confirmation_page(
    provider: Provider,
    request: Request,
    session: Session,
    confirmation: Confirmation,
    reason: Unconfirmed = Unconfirmed.ASKED,
) -> Response:
    """The page that asks before something is done."""
    yes = _SealedYes(confirmation.digest, secrets.token_hex(16), provider.now() + PAGE_LASTS)
    return provider.pages.page(
        request,
        "confirm.html",
        status={Unconfirmed.ASKED: 200, Unconfirmed.TICK: 422}.get(reason, 409),
        confirmation=confirmation,
        problem=reason.value,
        hidden={**confirmation.values, WORD: _seal(provider, session, "confirmation", yes)},
        tick=TICK,
    )


def ask_again(provider: Provider, visit: Visit, error: NotConfirmedError) -> Response:
    """Ask about an act as it is now; who confirmed it twice is led to what came of it."""
    confirmation = error.confirmation
    if error.reason is Unconfirmed.REPEATED:
        return RedirectResponse(confirmation.after or confirmation.back, 303)
    return confirmation_page(provider, visit.request, visit.session, confirmation, error.reason)


def require_confirmation(
    provider: Provider, tables: Tables, visit: Visit, confirmation: Confirmation
) -> None:
    """Go on only if this visitor was shown just this, and says yes to it for the first time.

    It is called in the act's own transaction, with what the act would do by what it has read
    there. NotConfirmedError otherwise, which the visitor's page answers by asking.
    """
    ticks = not confirmation.tick or visit.form.get(TICK) == "yes"
    word = visit.form.get(WORD, "")
    raw = _unseal(provider, visit.session, "confirmation", word)
    if raw is None:
        is_new = ticks and not word
        reason = Unconfirmed.ASKED if is_new else Unconfirmed.CHANGED if word else Unconfirmed.TICK
        raise NotConfirmedError(confirmation, reason)
    yes = msgspec.json.decode(raw, type=_SealedYes)
    if provider.now() >= yes.until or yes.digest != confirmation.digest:
        # What was done by it may be what changed: whoever pressed twice is not asked again.
        was_used = not once.spend(tables, "confirmation", yes.page, yes.until)
        reason = Unconfirmed.REPEATED if was_used else Unconfirmed.CHANGED
        raise NotConfirmedError(confirmation, reason)
    if not ticks:
        raise NotConfirmedError(confirmation, Unconfirmed.TICK)
    if not once.spend(tables, "confirmation", yes.page, yes.until):
        raise NotConfirmedError(confirmation, Unconfirmed.REPEATED)


def short_reference(identifier: str) -> str:
    """The reference that people are told of a record or row, by the beginning of its id."""
    return identifier[:REFERENCE_LENGTH].upper()


def redirect_with_banner(
    provider: Provider, session: Session, path: str, banner: Banner
) -> Response:
    """Lead to a page that shows what was done."""
    word = _seal(provider, session, "banner", _SealedBanner(banner, provider.now() + BANNER_LASTS))
    mark = "&" if "?" in path else "?"
    return RedirectResponse(f"{path}{mark}{urlencode({PARAMETER: word})}", 303)


def read_banner(provider: Provider, request: Request, session: Session) -> Banner | None:
    """The banner of a page's address; None where there is none of this session, or it is over."""
    raw = _unseal(provider, session, "banner", request.query_params.get(PARAMETER, ""))
    if raw is None:
        return None
    message = msgspec.json.decode(raw, type=_SealedBanner)
    return message.banner if provider.now() < message.until else None


def _seal(provider: Provider, session: Session, purpose: str, value: msgspec.Struct) -> str:
    raw = msgspec.json.encode(value)
    sealed = provider.sealer("web", purpose).seal(raw, purpose, session.key.hex())
    return urlsafe_b64encode(sealed).decode().rstrip("=")


def _unseal(provider: Provider, session: Session, purpose: str, word: object) -> bytes | None:
    """What we sealed for this session; None for anything else."""
    if not isinstance(word, str) or not word:
        return None
    try:
        sealed = urlsafe_b64decode(word + "=" * (-len(word) % 4))
        return provider.sealer("web", purpose).unseal(sealed, purpose, session.key.hex())
    except (ValueError, SealError):
        return None
