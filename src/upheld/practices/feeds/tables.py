"""Files of what partners know, how far each was taken in, and which values came from it."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Table

from upheld.database.columns import GO, ID, WORD, Instant, metadata, sealed

feed: Final = Table(
    "feed",
    metadata,
    Column("feed_id", ID, primary_key=True),
    Column("party", WORD, nullable=False),  # the company, in its word on the register
    Column("digest", WORD, nullable=False),  # of the file: the same file is taken in once
    Column("state", WORD, nullable=False),  # open, done, withdrawing, withdrawn
    Column("started", Instant, nullable=False),
    Column("started_by", ID, nullable=False),  # the member of staff
    Column("ended", Instant),  # when the last of its values was taken out again
    Column("ended_by", ID, nullable=False),  # who withdrew it; empty unless somebody did
    Column("lines", BigInteger, nullable=False),  # of the file, that were taken in
    Column("people", BigInteger, nullable=False),  # with whom something was combined
    Column("unmatched", BigInteger, nullable=False),  # lines of nobody, or of more than one
    Column("nothing_new", BigInteger, nullable=False),  # lines of which all was held
    Column("refused", BigInteger, nullable=False),  # by the policy
    Column("unreadable", BigInteger, nullable=False),
    Column("remain", BigInteger, nullable=False),  # values that a clause kept at the withdrawal
    Column("kind", WORD),  # transactions; nothing of values that are combined
    Column("mac", LargeBinary),
    Index("feed_file", "party", "digest", unique=True),
    info=sealed(),
)

feed_value: Final = Table(  # a value that came from a feed and may be there still
    "feed_value",
    metadata,
    Column("person_id", ID, primary_key=True, info=GO),
    Column("party", WORD, primary_key=True),
    Column("field", WORD, primary_key=True),
    Column("feed_id", ID, nullable=False),  # the latest that told it
    Column("mark", WORD, nullable=False),  # of the value as we stored it
    Column("mac", LargeBinary),
    Index("feed_value_feed", "feed_id", "person_id"),
    info=sealed(owner="person_id"),
)
