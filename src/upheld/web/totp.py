"""One-time passwords by time (TOTP, RFC 6238), each of which works once."""

from __future__ import annotations

import io
from datetime import datetime
from typing import Final

import pyotp
import segno

STEP_SECONDS: Final = 30
DIGITS: Final = 6


def new_secret() -> str:
    """A fresh secret, in base32."""
    return pyotp.random_base32()


def step_of(secret: str, code: str, at: datetime, last: int) -> int | None:
    """The step at which a code is right, if it is after the last one that was used; else None.

    The steps before and after count too, for clocks that differ by half a minute.
    """
    code = code.replace(" ", "")
    if len(code) != DIGITS or not code.isascii() or not code.isdecimal():
        return None
    now = int(at.timestamp()) // STEP_SECONDS
    totp = pyotp.TOTP(secret)
    for step in (now - 1, now, now + 1):
        if step > last and pyotp.utils.strings_equal(totp.generate_otp(step), code):
            return step
    return None


def address(secret: str, name: str, issuer: str) -> str:
    """The otpauth address that an authenticator reads."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=issuer)


def picture(address: str) -> str:
    """The address as a QR code, an SVG that stands in a page."""
    out = io.BytesIO()
    segno.make(address, error="m").save(
        out,
        kind="svg",
        xmldecl=False,
        omitsize=True,
        border=4,
        dark="#000",
        light="#fff",
        title="QR code",
    )
    return out.getvalue().decode()
