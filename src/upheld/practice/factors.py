"""Second factors that somebody sets up by themselves, so that nobody else ever sees them.

A secret is offered on a page, sealed for whoever may set it up there: the form sends the sealed one
back with the first code. Nothing is written down until then, and what was offered to one session or
link is worth nothing in another.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from typing import NamedTuple

from markupsafe import Markup

from upheld.gate.public import SealError
from upheld.gate.sealing import SealerSource
from upheld.web import totp


class Offer(NamedTuple):
    """A secret of one-time passwords that is shown, and its sealed form, which the form sends."""

    secret: str
    sealed: str

    def picture(self, name: str, issuer: str) -> Markup:
        """The QR code that an authenticator reads, as an SVG."""
        address = totp.address(self.secret, name, issuer)
        return Markup(totp.picture(address))  # noqa: S704 - made here of our own secret

    @property
    def spelled(self) -> str:
        """The secret in groups of four, for whoever types it."""
        return " ".join(self.secret[at : at + 4] for at in range(0, len(self.secret), 4))


def new_offer(by: SealerSource, bound: bytes) -> Offer:
    """A new secret, sealed for the session or link that `bound` names."""
    secret = totp.new_secret()
    sealed = by.sealer("factor-offer").seal(secret.encode(), "offer", bound)
    return Offer(secret, urlsafe_b64encode(sealed).decode())


def open_offer(by: SealerSource, bound: bytes, sealed: str) -> Offer | None:
    """Unseal an offer; None where it was made to another session or link, or is not ours."""
    try:
        raw = urlsafe_b64decode(sealed.encode())
        secret = by.sealer("factor-offer").unseal(raw, "offer", bound)
    except (binascii.Error, ValueError, SealError):
        return None
    return Offer(secret.decode(), sealed)


def first_step(chosen: Offer, code: str, at: datetime) -> int | None:
    """The time step of the first code, which shows that an authenticator works; None if wrong."""
    return totp.step_of(chosen.secret, code, at, 0)
