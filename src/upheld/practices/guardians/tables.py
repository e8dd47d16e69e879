"""Who cares for whom, and of whom we know that they are who they say. What proves are records."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Table

from upheld.database.columns import GO, ID, WORD, Instant, metadata, sealed, tells

care: Final = Table(
    "care",
    metadata,
    Column("person_id", ID, primary_key=True),  # who is under age
    Column("guardian_id", ID, nullable=False, info=GO),
    Column("started_at", Instant, nullable=False),
    Column("ended", Instant),  # on the eighteenth birthday
    Column("mac", LargeBinary),
    Index("care_guardian", "guardian_id"),
    Index("care_ended", "ended"),
    info=tells(besides="who is whose guardian") | sealed(owner="person_id"),
)

purchase_request: Final = Table(  # an order that waits for the guardian's yes
    "purchase_request",
    metadata,
    Column("person_id", ID, primary_key=True),  # who is under age
    Column("request_id", ID, primary_key=True),
    Column("state", WORD, nullable=False),  # open, approved, declined, withdrawn
    Column("asked_at", Instant, nullable=False),
    Column("expires", Instant, nullable=False),
    Column("sealed", LargeBinary, nullable=False),  # what it is about, and its price then
    Column("mac", LargeBinary),
    info=tells(besides="what was to be bought, and what it costs") | sealed(owner="person_id"),
)

spending_limit: Final = Table(  # what a guardian lets somebody's services cost a month
    "spending_limit",
    metadata,
    Column("person_id", ID, primary_key=True),  # who is under age
    Column("cents", BigInteger, nullable=False),
    Column("since", Instant, nullable=False),
    Column("mac", LargeBinary),
    info=tells(besides="what services may cost a month") | sealed(owner="person_id"),
)

identity_check: Final = Table(
    "identity_check",
    metadata,
    Column("person_id", ID, primary_key=True),
    Column("how", WORD, nullable=False),  # payment, card, `staff` and what they saw
    Column("at", Instant, nullable=False),
    Column("mac", LargeBinary),
    info=tells(besides="how an identity was checked") | sealed(owner="person_id"),
)
