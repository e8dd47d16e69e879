"""What the web kit keeps: who is signed in, how often somebody tried, and links that work once.

Nothing here is readable to whoever has the database: ids of sessions and links are kept as hashes,
addresses that are counted as keyed hashes. A subject is a random id of a person, or of staff.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Table

from upheld.database.columns import GO, ID, WORD, Instant, metadata, sealed

session: Final = Table(
    "session",
    metadata,
    Column("id_hash", LargeBinary, primary_key=True),
    Column("kind", WORD, nullable=False),  # customer, staff, agent
    Column("subject", ID, nullable=False, info=GO),
    Column("started_at", Instant, nullable=False),
    Column("seen", Instant, nullable=False),
    Column("fresh", Instant, nullable=False),  # when a password was last given
    Column("device", WORD, nullable=False, server_default=""),  # browser and system, of two lists
    Column("mac", LargeBinary),
    Index("session_subject", "kind", "subject"),
    info=sealed(
        free={
            "seen": "when it was last used: a session ends twelve hours after it began in any case",
        }
    ),
)

bucket: Final = Table(
    "bucket",
    metadata,
    Column("name_hash", LargeBinary, primary_key=True),
    Column("full_at", BigInteger, nullable=False),  # when it would be full again, in microseconds
    Column("mac", LargeBinary),
    info=sealed(),
)

link: Final = Table(
    "link",
    metadata,
    Column("id_hash", LargeBinary, primary_key=True),
    Column("kind", WORD, nullable=False),
    Column("subject", ID, nullable=False, info=GO),
    Column("expires", Instant, nullable=False),
    Column("mac", LargeBinary),
    Index("link_subject", "subject", "kind"),
    info=sealed(),
)

spent: Final = Table(  # what worked once and was used, until it would have run out anyway
    "spent",
    metadata,
    Column("mark", LargeBinary, primary_key=True),  # a hash of what it was
    Column("until", Instant, nullable=False),
    Column("mac", LargeBinary),
    Index("spent_until", "until"),
    info=sealed(),
)
