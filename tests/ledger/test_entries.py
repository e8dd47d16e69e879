"""Entries: one encoding, a published schema, and a commitment that gives nothing away."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from ledger.logs import entry, salt
from upheld.core.ids import PersonId
from upheld.ledger import entries
from upheld.ledger.entries import Batch, Entry, EntryError

SCHEMA = Path(entries.__file__).with_name("entry.schema.json")
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
TIME = st.datetimes(timezones=st.just(UTC)).map(entries.stamp)
DIGEST = st.binary(min_size=32, max_size=32).map(bytes.hex)
BATCHES = st.builds(
    Batch, count=st.integers(0, 2**53 - 1), first=TIME, last=TIME, rows=DIGEST | st.just("")
)
ENTRIES = st.builds(
    Entry,
    kind=st.sampled_from(["act", "batch", "violation", "signal.gpc"]),
    time=TIME,
    id=TEXT,
    outcome=st.sampled_from(["allow", "deny", "needs-proof", ""]),
    clauses=st.lists(TEXT, max_size=3).map(tuple),
    purpose=TEXT,
    values=st.lists(DIGEST, max_size=2).map(tuple),
    batch=st.none() | BATCHES,
    violation=TEXT,
)


@given(ENTRIES)
def test_an_entry_has_the_bytes_of_rfc_8785(drawn: Entry) -> None:
    """What upheld encodes is what another canonical encoder makes of it, and reads back."""
    raw = entries.encode(drawn)
    assert raw == rfc8785.dumps(json.loads(raw))
    assert entries.decode(raw) == drawn


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("a space", b'{"kind":"act", "time":"2026-11-24T10:00:00.000000Z"}'),
        ("keys out of order", b'{"time":"2026-11-24T10:00:00.000000Z","kind":"act"}'),
        ("an empty key", b'{"actor":"","kind":"act","time":"2026-11-24T10:00:00.000000Z"}'),
        ("a key twice", b'{"kind":"act","kind":"act","time":"2026-11-24T10:00:00.000000Z"}'),
        ("an unknown key", b'{"kind":"act","time":"2026-11-24T10:00:00.000000Z","zeal":"x"}'),
        ("an escaped letter", b'{"kind":"\\u0061ct","time":"2026-11-24T10:00:00.000000Z"}'),
        ("a newline after it", b'{"kind":"act","time":"2026-11-24T10:00:00.000000Z"}\n'),
        ("a newline in the time", b'{"kind":"act","time":"2026-11-24T10:00:00.000000Z\\n"}'),
        ("another zone", b'{"kind":"act","time":"2026-11-24T10:00:00.000000+01:00"}'),
        ("another outcome", b'{"kind":"act","outcome":"no","time":"2026-11-24T10:00:00.000000Z"}'),
        ("a float", b'{"batch":{"count":1.0,"first":"","last":"","rows":""},"kind":"batch"}'),
        ("no UTF-8", b'{"id":"\xff","kind":"act","time":"2026-11-24T10:00:00.000000Z"}'),
        ("nothing", b""),
        ("too much", b'{"id":"' + b"x" * entries.ENTRY_BYTES_MAX + b'"}'),
    ],
)
def test_bytes_that_are_no_canonical_entry_are_refused(name: str, raw: bytes) -> None:
    """Of all the bytes that mean one entry, exactly one spelling is taken."""
    with pytest.raises(EntryError):
        entries.decode(raw)
    assert name


@given(ENTRIES, DIGEST | st.just(""))
def test_an_entry_that_is_encoded_with_its_time_is_as_if_it_were_made_with_it(
    drawn: Entry, person: PersonId
) -> None:
    """What is kept from one entry to the next changes no byte of another."""
    batch = None if person else drawn.batch
    made = msgspec.structs.replace(drawn, person=person, batch=batch)
    bare = msgspec.structs.replace(drawn, time="", person="", batch=None)
    for _ in range(2):
        assert entries.encode_at(bare, made.time, person=person, batch=batch) == entries.encode(
            made
        )


@pytest.mark.parametrize(
    "wrong",
    [
        {"evidence": (1,)},
        {"evidence": ("\ud800",)},
        {"values": ("a" * 63,)},
        {"values": (None,)},
        {"evidence": ("x" * entries.ENTRY_BYTES_MAX,)},
    ],
)
def test_what_an_entry_rests_on_is_checked_each_time(wrong: dict[str, Any]) -> None:
    """Evidence and digests differ from entry to entry, and are looked at in each."""
    with pytest.raises(EntryError):
        entries.encode_at(Entry(kind="act", time="", **wrong), entries.stamped(0))


@pytest.mark.parametrize("wrong", [{"kind": "An Act"}, {"time": "today"}, {"id": "\ud800"}])
def test_an_entry_that_nobody_could_read_is_not_written(wrong: dict[str, str]) -> None:
    """What is encoded is decoded at once, so that no entry stands in a log unreadable."""
    with pytest.raises(EntryError):
        entries.encode(msgspec.structs.replace(entry(1), **wrong))


def test_the_published_schema_is_that_of_the_code() -> None:
    """Whoever reads entries in another language has the schema that upheld itself holds to."""
    told = json.loads(SCHEMA.read_text())
    assert told == json.loads(msgspec.json.encode(entries.schema()))
    check = jsonschema_rs.validator_for(told)
    assert check.is_valid(json.loads(entries.encode(entry(1))))
    assert not check.is_valid({"kind": "act", "time": "today"})
    assert not check.is_valid({"kind": "act", "time": entry(1).time, "zeal": "x"})


def test_a_commitment_is_that_of_the_design() -> None:
    """A commitment is SHA-256 over salt and entry, and another salt gives another commitment."""
    raw = entries.encode(entry(1))
    assert entries.commitment(salt(1), raw) == sha256(salt(1) + raw).digest()
    assert entries.commitment(salt(2), raw) != entries.commitment(salt(1), raw)
    assert len(entries.new_salt()) == entries.SALT_BYTES
    assert entries.new_salt() != entries.new_salt()


def test_no_byte_moves_between_salt_and_entry() -> None:
    """A salt of another length is refused, as it would let an entry begin elsewhere."""
    for wrong in (salt(1)[:-1], salt(1) + b"{", b""):
        with pytest.raises(EntryError, match="a salt has"):
            entries.commitment(wrong, b"{}")


def test_a_moment_is_written_in_utc() -> None:
    """A moment of any zone is written in UTC, and one without a zone is refused."""
    there = datetime(2026, 11, 24, 1, 2, 3, 4, tzinfo=timezone(timedelta(hours=2)))
    assert entries.stamp(there) == "2026-11-23T23:02:03.000004Z"
    with pytest.raises(EntryError, match="no time zone"):
        entries.stamp(there.replace(tzinfo=None))
