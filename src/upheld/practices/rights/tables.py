"""What is kept of a person's rights: requests and how far they are, and privacy signals.

Ids, words and times alone.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, LargeBinary, Table

from upheld.database.columns import ID, STAYS, WORD, Instant, metadata, sealed, tells

rights_request: Final = Table(
    "rights_request",
    metadata,
    Column("person_id", ID, primary_key=True),
    Column("request_id", ID, primary_key=True),  # also the record that makes the answer owed
    Column("kind", WORD, nullable=False),  # access, correction, erasure
    Column("about", WORD, nullable=False),  # the kind of data that a correction is about
    Column("state", WORD, nullable=False),  # as the Data Rights Protocol names them
    Column("received", Instant, nullable=False),
    Column("due", Instant),
    Column("answered", Instant),
    Column("entry", BigInteger),  # of the answer
    Column("task_id", ID),  # who of our staff looks into it
    Column("mac", LargeBinary),
    info=tells(besides="which requests about information were made")
    | STAYS
    | sealed(owner="person_id"),
)

signal: Final = Table(
    "signal",
    metadata,
    Column("person_id", ID, primary_key=True),
    Column("session", LargeBinary, primary_key=True),  # the hash of the session that sent it
    Column("at", Instant, nullable=False),
    Column("mac", LargeBinary),
    # the hash of a session
    info=tells() | sealed(owner="person_id"),
)
