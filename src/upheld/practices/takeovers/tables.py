"""Closings of takeovers, whom each covers, what goes to a successor, and what came to us as one."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table

from upheld.database.columns import GO, ID, WORD, Instant, metadata, sealed, tells

takeover: Final = Table(  # a closing, and how far the work about it has come
    "takeover",
    metadata,
    Column("closing_id", ID, primary_key=True),
    Column("turn", Integer, nullable=False),  # how often it was changed
    Column("state", WORD, nullable=False),  # open, approved, moving, done, refused, ended
    Column("kind", WORD, nullable=False),  # merger, sale
    Column("party", WORD, nullable=False),  # the successor, by its word in the register
    Column("covers", WORD, nullable=False),  # all, schedule
    Column("effective", Instant, nullable=False),
    Column("opened", Instant, nullable=False),
    Column("opened_by", ID, nullable=False),
    Column("settled", Instant),  # approved or refused
    Column("settled_by", WORD, nullable=False),  # empty until somebody did
    Column("ended", Instant),  # before all of it was done, or when the successor had it
    Column("ended_by", WORD, nullable=False),
    Column("accounts", BigInteger, nullable=False),  # how many it covers, those who are gone too
    Column("handed", BigInteger, nullable=False),  # how many the last archive has
    Column("digest", WORD, nullable=False),  # SHA-256 of that archive's manifest
    Column("sealed", LargeBinary, nullable=False),  # the reference, the digest of the document
    Column("mac", LargeBinary),
    info=sealed(),
)

takeover_document: Final = Table(  # apart, since it is long and seldom read
    "takeover_document",
    metadata,
    Column("closing_id", ID, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("mac", LargeBinary),
    info=sealed(),
)

takeover_account: Final = Table(  # somebody whose account a closing covers
    "takeover_account",
    metadata,
    Column("person_id", ID, primary_key=True, info=GO),
    Column("closing_id", ID, primary_key=True),
    Column("state", WORD, nullable=False),  # named, covered, moved, refused, left, closed
    Column("record_id", ID),  # what proves that the closing covers them
    Column("entry", BigInteger),  # of the transfer
    Column("moved", Instant),
    Column("done_id", ID),  # what proves that it was transferred
    Column("notice", WORD, nullable=False),  # empty, owed, sent, refused
    Column("sealed", LargeBinary, nullable=False),  # the account number by which it is named
    Column("mac", LargeBinary),
    Index("takeover_account_state", "closing_id", "state", "person_id"),
    Index("takeover_account_notice", "closing_id", "notice", "person_id"),
    info=tells("account-id") | sealed(owner="person_id"),
)

takeover_parcel: Final = Table(  # an account, encrypted to the successor's key
    "takeover_parcel",
    metadata,
    Column("person_id", ID, primary_key=True, info=GO),
    Column("closing_id", ID, primary_key=True),
    Column("digest", WORD, nullable=False),  # SHA-256 of what is encrypted
    Column("encrypted", LargeBinary, nullable=False),  # an age file, which we cannot open
    Column("mac", LargeBinary),
    Index("takeover_parcel_closing", "closing_id", "person_id"),
    info=tells(besides="whole accounts, encrypted to a successor") | sealed(owner="person_id"),
)

takeover_arrival: Final = Table(  # an account that came to us, so that it comes once
    "takeover_arrival",
    metadata,
    Column("closing_id", ID, primary_key=True),  # of the other provider
    Column("account", WORD, primary_key=True),  # SHA-256 of its encrypted file; it says nobody
    Column("archive", WORD, nullable=False),  # SHA-256 of the manifest with which it came
    Column("at", Instant, nullable=False),
    Column("mac", LargeBinary),
    info=sealed(),
)

takeover_proof: Final = Table(  # what came along with somebody's account, but for its values
    "takeover_proof",
    metadata,
    Column("person_id", ID, primary_key=True, info=GO),
    Column("closing_id", ID, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),  # under their own key
    Column("mac", LargeBinary),
    info=tells(besides="what came along with an account from another provider")
    | sealed(owner="person_id"),
)
