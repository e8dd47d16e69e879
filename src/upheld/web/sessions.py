"""Who is signed in: sessions kept by the hash of their id, and links that work once.

A session id is 32 random bytes that the browser alone holds. It is made anew at every sign-in, so
that one that was planted before is worth nothing; an id that we did not make is nobody's. A session
ends after half an hour without a request, and after twelve hours in any case. What its pages may
send carries a token that belongs to the session.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final, NamedTuple

from upheld.database.columns import microseconds
from upheld.database.own_tables import Tables, to_datetime
from upheld.web import once
from upheld.web import tables as own

IDLE: Final = timedelta(minutes=30)
ABSOLUTE: Final = timedelta(hours=12)
HALF: Final = "half"  # of a customer who gave the right password, and no second factor yet
FRESH: Final = timedelta(minutes=5)  # how long a password that was given lets one do more
_TOUCH: Final = timedelta(minutes=1)  # how exactly a request is noted
_OPEN: Final = "id_hash = ? AND kind = ? AND expires >= ?"  # of a link


class Session(NamedTuple):
    """A session in force: whose it is, and since when."""

    key: bytes
    kind: str
    subject: str
    started_at: datetime
    seen: datetime
    fresh: datetime
    device: str = ""  # as people call it: “Firefox on Linux”

    def is_fresh(self, at: datetime) -> bool:
        """Whether a password was given in the last minutes."""
        return at - self.fresh <= FRESH


def _hash(raw: str) -> bytes:
    return sha256(raw.encode()).digest()


def begin(tables: Tables, kind: str, subject: str, at: datetime, device: str = "") -> str:
    """Begin a session; the id for the browser."""
    started_at = microseconds(at)
    raw = secrets.token_urlsafe(32)
    tables.insert(
        own.session,
        id_hash=_hash(raw),
        kind=kind,
        subject=subject,
        started_at=started_at,
        seen=started_at,
        fresh=started_at,
        device=device,
    )
    return raw


def find(tables: Tables, kind: str, raw: str, at: datetime) -> Session | None:
    """The session of an id, if there is one in force."""
    if not raw:
        return None
    row = tables.get(own.session, "id_hash = ?", _hash(raw))
    return None if row is None or row.kind != kind else _in_force(row, at)


def _in_force(row: Any, at: datetime) -> Session | None:
    """A row that was checked, as a session; None where it is over."""
    started_at, last_seen, fresh = (
        to_datetime(row.started_at),
        to_datetime(row.seen),
        to_datetime(row.fresh),
    )
    if at - started_at > ABSOLUTE or at - last_seen > IDLE:
        return None
    return Session(row.id_hash, row.kind, row.subject, started_at, last_seen, fresh, row.device)


def listed(tables: Tables, kind: str, subject: str, at: datetime) -> list[Session]:
    """The sessions of somebody that are in force, the latest first."""
    where = "kind = ? AND subject = ? ORDER BY seen DESC"
    mine = tables.select(own.session, where, kind, subject)
    in_force = (_in_force(each, at) for each in mine)
    return [each for each in in_force if each is not None]


def stale(session: Session, at: datetime) -> bool:
    """Whether a request should be noted: not each is, so that most pages write nothing."""
    return at - session.seen > _TOUCH


def touch(tables: Tables, session: Session, at: datetime) -> None:
    """Note that a session was used."""
    tables.update(own.session, {"seen": microseconds(at)}, "id_hash = ?", session.key)


def end(tables: Tables, session: Session) -> None:
    """End a session."""
    tables.purge(own.session, "id_hash = ?", session.key)


def end_all(tables: Tables, kind: str, subject: str) -> None:
    """End every session of somebody, as a new password does."""
    half = HALF if kind == "customer" else kind
    tables.purge(own.session, "kind IN (?, ?) AND subject = ?", kind, half, subject)


def end_others(tables: Tables, session: Session) -> None:
    """End every other session of somebody than the one in which they ask for it."""
    where = "kind = ? AND subject = ? AND id_hash <> ?"
    tables.purge(own.session, where, session.kind, session.subject, session.key)


def sweep(tables: Tables, at: datetime) -> int:
    """Delete sessions, links and uses that are over; how many."""
    count = tables.purge(
        own.session,
        "started_at < ? OR seen < ?",
        microseconds(at - ABSOLUTE),
        microseconds(at - IDLE),
    )
    count += tables.purge(own.link, "expires < ?", microseconds(at))
    return count + once.sweep(tables, at)


class Tokens:
    """What a form of a session carries, so that no other page can send it."""

    def __init__(self, mark: Callable[[bytes], bytes]) -> None:
        """`mark` gives the MAC of a message, under a key that is the same in every process."""
        self._mark = mark

    def of(self, session: Session) -> str:
        """The token of a session's forms."""
        return self._mark(session.key).hex()

    def fits(self, session: Session, token: str) -> bool:
        """Whether a form came from a page of this session."""
        return hmac.compare_digest(self.of(session).encode(), token.encode())


def mint(tables: Tables, kind: str, subject: str, lasts: timedelta, at: datetime) -> str:
    """A link that works once; those of the same kind that somebody had before no longer work."""
    raw = secrets.token_urlsafe(24)
    revoke(tables, kind, subject)
    tables.insert(
        own.link, id_hash=_hash(raw), kind=kind, subject=subject, expires=microseconds(at + lasts)
    )
    return raw


def looked_at(tables: Tables, kind: str, raw: str, at: datetime) -> str | None:
    """Whose a link is, without using it up."""
    row = tables.get(own.link, _OPEN, _hash(raw), kind, microseconds(at))
    return None if row is None else str(row.subject)


def redeem(tables: Tables, kind: str, raw: str, at: datetime) -> str | None:
    """Whose a link is; it is used up by this."""
    link = tables.get(own.link, _OPEN, _hash(raw), kind, microseconds(at))
    if link is None or not once.spend(tables, f"link {kind}", raw, to_datetime(link.expires)):
        return None
    tables.delete(own.link, "id_hash = ?", _hash(raw))
    return str(link.subject)


def revoke(tables: Tables, kind: str, subject: str) -> None:
    """Let the links of a kind that somebody had no longer work."""
    tables.purge(own.link, "subject = ? AND kind = ?", subject, kind)
