"""What is kept of visits, a block of many together, and how far each log was read.

Nothing of a visit stands in a column but its day: blocks are sealed under the key of their day,
which is derived from the keyring and the day's salt, and cannot be once the salt is gone.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Index, LargeBinary, Table

from upheld.database.columns import (
    ID,
    STAYS,
    WORD,
    Instant,
    goes_apart,
    metadata,
    sealed,
    sealed_for,
    tells,
    told_where,
)

visit_day: Final = Table(
    "visit_day",
    metadata,
    Column("day", WORD, primary_key=True),  # in the provider's zone, such as 2026-11-29
    Column("salt", LargeBinary, nullable=False),  # without it no key of the day can be derived
    Column("mac", LargeBinary),
    info=sealed(),
)

visit_block: Final = Table(
    "visit_block",
    metadata,
    Column("block_id", ID, primary_key=True),
    Column("day", WORD, nullable=False),
    # Who told us of the visits: browser, or business-partner with the key of its page.
    Column("source", WORD, nullable=False),
    Column("fields", WORD, nullable=False),  # the kinds of data in it, with spaces between them
    Column("clauses", WORD, nullable=False),  # by which it is kept, with spaces between them
    Column("visits", BigInteger, nullable=False),  # how many
    Column("sealed", LargeBinary, nullable=False),
    # The bits with which each token in it begins; nothing where they begin with any. They say
    # nothing of a cookie to whoever has not the key of the day.
    Column("token_bits", WORD),
    # Set where a hold alone keeps what is in it, and no count has it: yes where it was told as gone
    # since an order forbade us to speak of the hold, no where a customer may be told.
    Column("apart", Boolean),
    Column("gone", Instant),  # when it was told as gone, if it ever was
    Column("mac", LargeBinary),
    # All but what is sealed: blocks are small and many, and are counted without being read.
    Index("visit_block_day", "day", "source", "fields", "clauses", "token_bits", "apart", "visits"),
    info=sealed(),
)

COUNTED: Final = "apart IS NULL"  # of blocks of which something may be told

visit_tie: Final = Table(  # whose a cookie of ours is, since they signed in with it
    "visit_tie",
    metadata,
    Column("person_id", ID, primary_key=True),
    Column("cookie_mark", WORD, primary_key=True),
    Column(
        "cookie",  # nothing once untied
        LargeBinary,
        nullable=False,
        info=sealed_for("collection", "tie", place=("person_id", "cookie_mark")),
    ),
    Column("at", Instant, nullable=False),
    Column("untied", Instant),  # when its person untied it: it is not tied to them again
    # Set where it is the cookie of no browser: under it stands what a hold keeps of visits since
    # the cookie with which they came was untied, or somebody was erased to whom it was tied.
    Column("aside", Boolean),
    # Set where others had signed in with the browser of whom no row says so any more.
    Column("shared", Boolean),
    Column("mac", LargeBinary),
    info=STAYS
    | goes_apart("cookie-id", "page-request", "ip-network")
    | tells("cookie-id")
    | told_where("aside IS NULL")
    | sealed(owner="person_id"),
)

beacon_key: Final = Table(  # by which pages of a partner tell us of visits; it stands in them
    "beacon_key",
    metadata,
    Column("key", ID, primary_key=True),
    Column("party", WORD, nullable=False),  # the company, in its word on the register
    Column("host", WORD, nullable=False),  # from whose pages it counts
    Column("state", WORD, nullable=False),  # active, revoked, stolen
    Column("created_at", Instant, nullable=False),
    Column("created_by", WORD, nullable=False),  # as an entry names them
    Column("ended", Instant),
    Column("ended_by", WORD, nullable=False),
    Column("mac", LargeBinary),
    info=sealed(),
)

log_reading: Final = Table(  # how far a log was read; its name and path are not what it is known by
    "log_reading",
    metadata,
    Column("beginning", WORD, primary_key=True),  # a mark of its first line
    Column("number", BigInteger, primary_key=True),  # among the logs that begin alike
    Column("place", BigInteger, nullable=False),  # bytes that were read, up to the end of a line
    Column("tail", LargeBinary, nullable=False),  # a mark of the bytes before that place
    Column("last_read", Instant, nullable=False),
    Column("mac", LargeBinary),
    info=sealed(),
)
