"""Tables of the policy's versions and of licences, and the bytes of each document."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Integer, LargeBinary, Table

from upheld.database.columns import WORD, Instant, mark_as_internal, metadata, sealed

posted_version: Final = Table(  # the last one is in force
    "posted_version",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("digest", WORD, nullable=False, unique=True),
    Column("version", WORD, nullable=False),  # as its front matter says
    Column("posted", Instant, nullable=False),
    Column("entry", BigInteger, nullable=False),  # the act by which the policy before was amended
    Column("widens", Boolean, nullable=False),  # whether it allows more than the one before
    Column("drafted_by", WORD, nullable=False),  # who works at a desk; empty for the first
    Column("approved_by", WORD, nullable=False),
    Column("mac", LargeBinary),
    info=sealed(few=True),
)

licence: Final = Table(  # what a party lets be done with the values it told us in a time
    "licence",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("party", WORD, nullable=False),  # in its word on the register
    Column("digest", WORD, nullable=False),
    Column("since", Instant, nullable=False),  # values that came in from then on are under it
    Column("until", Instant),  # those that came in since are not; empty while it lasts
    Column("registered", Instant, nullable=False),
    Column("registered_by", WORD, nullable=False),  # the member of staff
    Column("mac", LargeBinary),
    info=sealed(few=True),
)

policy_copy: Final = (
    Table(  # of each version, draft and licence, compiled, with its text and vocabulary
        "policy_copy",
        metadata,
        Column("digest", WORD, primary_key=True),
        Column("compiled", LargeBinary, nullable=False),  # compressed
        Column("mac", LargeBinary),
        info=sealed(),
    )
)

mark_as_internal(posted_version, licence, policy_copy)
