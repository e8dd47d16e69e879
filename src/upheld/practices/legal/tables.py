"""Instruments that the legal desk has: what each demands, of whom, and what has become of it."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table

from upheld.database.columns import (
    ID,
    UNTOLD,
    WORD,
    AnewBy,
    Instant,
    apart_with,
    metadata,
    sealed,
    sealed_for,
)

legal_instrument: Final = Table(
    "legal_instrument",
    metadata,
    Column("instrument_id", ID, primary_key=True),
    Column("kind", WORD, nullable=False),  # subpoena, court-order, warrant, other, and so on
    Column("state", WORD, nullable=False),  # open, checked, approved, refused, ended
    Column("recipient", WORD, nullable=False),  # to which kind of party it is released
    Column("persons", Integer, nullable=False),  # whom it named, those who are gone too
    Column("starts", Instant),
    Column("ends", Instant),  # when it lapses
    Column("period_start", Instant),  # of rows of a series: when they came in
    Column("period_end", Instant),
    Column("deadline", Instant),
    Column("silence_end", Instant),  # until when nobody may be told
    Column("opened", Instant, nullable=False),
    Column("opened_by", ID, nullable=False),
    Column("checked", Instant),
    Column("checked_by", WORD, nullable=False),  # empty until somebody did
    Column("settled", Instant),  # approved or refused
    Column("settled_by", WORD, nullable=False),
    Column("ended", Instant),  # before it lapsed
    Column("ended_by", WORD, nullable=False),
    Column("releases", Integer, nullable=False),  # how often it was released
    Column("released", Instant),  # when last
    Column("digest", WORD, nullable=False),  # SHA-256 of the last archive, once decrypted
    Column("sealed", LargeBinary, nullable=False),  # issuer, reference, fields, belief, key
    Column("reviewed", Instant),  # after an emergency
    Column("reviewed_by", ID),
    Column("mac", LargeBinary),
    info=sealed(),
)

legal_document: Final = Table(  # apart, since it is long and seldom read
    "legal_document",
    metadata,
    Column("instrument_id", ID, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("mac", LargeBinary),
    info=sealed(),
)

legal_production: Final = Table(  # what was released and is not delivered yet; gone once it is
    "legal_production",
    metadata,
    Column("instrument_id", ID, primary_key=True),
    Column("number", Integer, nullable=False),  # of the release
    Column("sealed", LargeBinary, nullable=False),  # the file, for the recipient's key, and of whom
    Column("mac", LargeBinary),
    info=sealed(),
)

legal_reach: Final = Table(  # whom an instrument names; gone with them, unless a hold keeps them
    "legal_reach",
    metadata,
    Column("person_id", ID, primary_key=True),
    Column("instrument_id", ID, primary_key=True),
    Column("state", WORD, nullable=False),  # named, approved, releasing, released
    Column("record_id", ID),  # what proves the instrument, or the hold
    Column("silence_id", ID),  # what proves that it forbids to tell
    Column("entry", BigInteger),  # of the last release
    Column("notice", WORD, nullable=False),  # empty, owed, sent, refused
    Column("notice_from", Instant),
    Column(
        "sealed",  # the account number by which it names them
        LargeBinary,
        nullable=False,
        info=sealed_for("legal", place=("person_id", "instrument_id")),
    ),
    Column("mac", LargeBinary),
    Index("legal_reach_notice", "notice", "notice_from"),
    Index("legal_reach_instrument", "instrument_id"),
    info=UNTOLD
    | apart_with(
        "record_id",
        AnewBy("instrument_id", "silence_id", {"state": "approved", "notice": ""}),
    )
    | sealed(owner="person_id"),
)
