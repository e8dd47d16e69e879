"""Who may ask from elsewhere: a file of names and secrets that nobody else may read.

A line is `NAME SECRET`, or `NAME sha256:HEX` with the digest of the secret; `#` starts a comment.
Secrets are compared by digest, so that time tells nothing of them.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from pathlib import Path

from upheld.core.errors import UpheldError

SECRET_MIN = 32
BYTES_MAX = 1024 * 1024
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
DIGEST = re.compile(r"sha256:([0-9a-f]{64})\Z")
BEARER = re.compile(r"bearer ([!-~]{1,500})\Z", re.IGNORECASE)


class ApiTokens:
    """The callers that a token file names."""

    def __init__(self, callers: dict[bytes, str]) -> None:
        self.callers = callers  # the digest of a secret to a name

    def caller(self, authorization: str) -> str | None:
        """The name of whoever sent this `Authorization` header, or None."""
        match = BEARER.match(authorization.strip())
        if not match:
            return None
        return self.callers.get(hashlib.sha256(match[1].encode()).digest())


def read_tokens(path: Path) -> ApiTokens:
    """Read a token file; UpheldError where it is wrong or open to others."""
    try:
        with path.open("rb") as file:
            status = os.fstat(
                file.fileno()
            )  # of the file that is read, whatever the path says next
            if not stat.S_ISREG(status.st_mode):
                raise _wrong(
                    path, "is not a file", "give a file with a line `NAME SECRET` a caller"
                )
            if status.st_mode & 0o077:
                raise _wrong(path, "can be read or written by others", f"chmod 600 {path}")
            if status.st_uid not in (os.geteuid(), 0):
                raise _wrong(path, "belongs to another user", "give it to the user that runs this")
            raw = file.read(BYTES_MAX + 1)
    except OSError as error:
        raise _wrong(path, f"cannot be read: {error.strerror}", "give a file to read") from None
    if len(raw) > BYTES_MAX:
        raise _wrong(path, "is too large", f"at most {BYTES_MAX} bytes")
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise _wrong(path, "is not text", "save it as UTF-8") from None
    callers = _callers(path, text)
    if not callers:
        raise _wrong(path, "names nobody", "write a line `NAME SECRET` for each caller")
    return ApiTokens(callers)


def _callers(path: Path, text: str) -> dict[bytes, str]:
    callers: dict[bytes, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) != 2 or not NAME.match(words[0]):
            raise _wrong(path, f"is wrong in line {number}", "write `NAME SECRET`")
        name, secret = words
        hashed = DIGEST.match(secret)
        if not hashed and len(secret) < SECRET_MIN:
            hint = f"at least {SECRET_MIN} characters; `openssl rand -hex 32` makes some"
            raise _wrong(path, f"has a secret too short in line {number}", hint)
        digest = bytes.fromhex(hashed[1]) if hashed else hashlib.sha256(secret.encode()).digest()
        if digest in callers or name in callers.values():
            raise _wrong(path, f"has a name or secret twice, in line {number}", "give each its own")
        callers[digest] = name
    return callers


def _wrong(path: Path, what: str, hint: str) -> UpheldError:
    return UpheldError(f"the token file {path} {what}", code="token-file", hint=hint)
