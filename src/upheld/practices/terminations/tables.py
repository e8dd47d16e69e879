"""Decisions to end somebody's services. What was written about one is a value of the vault."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Index, LargeBinary, Table

from upheld.database.columns import ID, WORD, Instant, metadata, sealed, tells

termination: Final = Table(
    "termination",
    metadata,
    Column("person_id", ID, primary_key=True),
    Column("termination_id", ID, primary_key=True),  # also the id of its task and thread
    Column("state", WORD, nullable=False),  # planned, ended, refused, undone
    Column("starts", Instant, nullable=False),
    Column("decided", Instant, nullable=False),
    Column("decided_by", ID, nullable=False),  # the member of staff
    Column("record_id", ID, nullable=False),  # what proves the decision
    Column("settled", Instant),  # when the services ended, the policy refused, or it was undone
    Column("undone_by", WORD, nullable=False),  # empty unless it was
    Column("sealed", LargeBinary, nullable=False),  # which service, empty for all of them
    Column("mac", LargeBinary),
    Index("termination_state", "state", "starts"),
    info=tells("services", besides="the decision that services end") | sealed(owner="person_id"),
)
