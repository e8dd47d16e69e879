"""Who may try a password, and how often: strangers slowly, a device that was let in before at once.

Whoever signs in gets a cookie that says so of their browser: a random word, a day and a MAC over
both and over whose account it is. It is no session and opens nothing. A try from such a device is
counted for the device alone, so that nobody who guesses elsewhere can shut its owner out; a try
without it is counted for its network and for the account. Choosing a password by a link gives the
cookie too. Where a second factor is sent along, a right one passes the account's limit.
"""

from __future__ import annotations

import hmac
import secrets
from enum import Enum
from typing import Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from upheld.database.columns import BEGINNING
from upheld.gate.transaction import Transaction
from upheld.practice.plugin import Provider
from upheld.web import limits
from upheld.web.limits import SIGN_IN_ACCOUNT, SIGN_IN_ADDRESS, SIGN_IN_DEVICE

DAYS: Final = 400  # for which a device is remembered since it was last let in
DEVICES: Final = 4  # people who share a browser and are remembered in it
MAC_CHARACTERS: Final = 32


class AttemptResult(Enum):
    """Whether an attempt to sign in goes on."""

    OPEN = "open"
    SLOWED = "slowed"  # too many strangers tried: only a right second factor gets through
    SHUT = "shut"  # too many tries from this network or device


class Device(NamedTuple):
    """A device that signed in before: its random word, and the day, counted since 1970."""

    word: str
    day: int


def cookie_name(provider: Provider, kind: str) -> str:
    """The name of the cookie that remembers a device."""
    return f"__Host-device-{kind}" if provider.secure else f"device-{kind}"


def has_device_cookie(provider: Provider, request: Request, kind: str) -> bool:
    """Whether a browser sends the cookie of a remembered device; it is not verified here."""
    return bool(request.cookies.get(cookie_name(provider, kind)))


def find_device(provider: Provider, request: Request, kind: str, subject: str) -> Device | None:
    """The remembered device of a request, if it signed in to this account before; else None."""
    for text in request.cookies.get(cookie_name(provider, kind), "").split("~")[:DEVICES]:
        word, _, rest = text.partition(".")
        day, _, mac = rest.partition(".")
        if not (subject and day.isascii() and day.isdecimal() and len(day) < 7):
            continue
        device = Device(word, int(day))
        fits = hmac.compare_digest(_mac(provider, kind, subject, device).encode(), mac.encode())
        if fits and 0 <= _today(provider) - device.day <= DAYS:
            return device
    return None


def remember_device(
    provider: Provider, request: Request, response: Response, kind: str, subject: str
) -> None:
    """Set the cookie that remembers a browser as one that signed in to an account."""
    previous = find_device(provider, request, kind, subject)
    device = Device(previous.word if previous else secrets.token_urlsafe(12), _today(provider))
    mine = f"{device.word}.{device.day}.{_mac(provider, kind, subject, device)}"
    cookies = request.cookies.get(cookie_name(provider, kind), "").split("~")
    others = [
        each for each in cookies if each and not (previous and each.startswith(f"{previous.word}."))
    ]
    response.set_cookie(
        cookie_name(provider, kind),
        "~".join([mine, *others][:DEVICES]),
        path="/",
        httponly=True,
        samesite="lax",
        secure=provider.secure,
        max_age=DAYS * 24 * 3600,
    )


def count_attempt(
    provider: Provider,
    transaction: Transaction,
    request: Request,
    kind: str,
    name: str,
    subject: str,
) -> AttemptResult:
    """Count an attempt to sign in by a name; `subject` is whose name it is, empty if unknown."""
    tables, at = transaction.tables, provider.now()
    take = provider.limits.take
    device = find_device(provider, request, kind, subject)
    if device is not None:
        waits = take(tables, SIGN_IN_DEVICE, "device", kind, subject, device.word, at=at)
        return AttemptResult.SHUT if waits else AttemptResult.OPEN
    network = limits.network(request.client.host if request.client else "")
    if take(tables, SIGN_IN_ADDRESS, "network", kind, network, at=at):
        return AttemptResult.SHUT
    return (
        AttemptResult.SLOWED
        if take(tables, SIGN_IN_ACCOUNT, kind, name, at=at)
        else AttemptResult.OPEN
    )


def too_many_codes(provider: Provider, transaction: Transaction, subject: str) -> bool:
    """Count a code that came with the right password past the account's limit; whether to refuse.

    Codes are few, and whoever has the password could slow the account first, then guess them from
    many networks. Strangers without the password never get this far, and shut nobody out.
    """
    name = ("second-factor", subject, "")
    return bool(provider.limits.take(transaction.tables, SIGN_IN_ACCOUNT, *name, at=provider.now()))


def clear_attempts(
    provider: Provider,
    transaction: Transaction,
    request: Request,
    kind: str,
    name: str,
    subject: str,
) -> None:
    """Clear the attempts that were counted for whoever signed in."""
    provider.limits.clear(transaction.tables, kind, name)
    device = find_device(provider, request, kind, subject)
    if device is not None:
        provider.limits.clear(transaction.tables, "device", kind, subject, device.word)


def _today(provider: Provider) -> int:
    return (provider.now() - BEGINNING).days


def _mac(provider: Provider, kind: str, subject: str, device: Device) -> str:
    text = "\x00".join((kind, subject, device.word, str(device.day)))
    return provider.sealer("web", "device").mark(text.encode()).hex()[:MAC_CHARACTERS]
