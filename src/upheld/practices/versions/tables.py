"""Drafts of further versions of the policy, and what came of a version with each customer."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, Table

from upheld.database.columns import ID, WORD, Instant, metadata, sealed

version_draft: Final = Table(
    "version_draft",
    metadata,
    Column("draft_id", ID, primary_key=True),
    Column("digest", WORD, nullable=False),
    Column("base", WORD, nullable=False),  # the version in force with which it was compared
    Column("version", WORD, nullable=False),
    Column("state", WORD, nullable=False),  # open, approved, announced, posted, dropped
    Column("widens", Boolean, nullable=False),  # whether it allows what its base does not
    Column("drafted_by", WORD, nullable=False),
    Column("drafted", Instant, nullable=False),
    Column("approved_by", WORD, nullable=False),  # empty until somebody did
    Column("approved", Instant),
    Column("mac", LargeBinary),
    info=sealed(),
)

customer_version: Final = Table(  # what came of a version with a customer: once a matter
    "customer_version",
    metadata,
    Column("person_id", ID, primary_key=True),
    Column("digest", WORD, primary_key=True),
    Column("matter", WORD, primary_key=True),  # look, decision, notice, request
    Column("state", WORD, nullable=False),  # what came of it
    Column("at", Instant, nullable=False),
    Column("message_id", ID),  # of the message that was sent about it
    Column("mac", LargeBinary),
    Index("customer_version_state", "matter", "state"),
    info=sealed(owner="person_id"),
)

customer_agreement: Final = Table(  # whose own agreement asks for what, and who was written to
    "customer_agreement",
    metadata,
    Column("person_id", ID, primary_key=True),
    Column("fact", WORD, primary_key=True),  # agreement-needs-notice, agreement-needs-approval
    Column("days", Integer, nullable=False),  # that a notice has to run
    Column("settled", WORD, nullable=False),  # up to which versions they were written to
    Column("mac", LargeBinary),
    Index("customer_agreement_settled", "settled"),
    info=sealed(owner="person_id"),
)

version_shadow: Final = Table(  # a draft beside real acts: numbers, and nothing of anybody
    "version_shadow",
    metadata,
    Column("draft_id", ID, primary_key=True),
    Column("state", WORD, nullable=False),  # running, over
    Column("started", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("last_entry", BigInteger, nullable=False),  # up to which acts were looked at
    Column("acts", BigInteger, nullable=False),
    Column("otherwise", BigInteger, nullable=False),
    Column("changes", LargeBinary, nullable=False),  # JSON: kind of change, clause, count
    Column("mac", LargeBinary),
    info=sealed(),
)

severing: Final = Table(  # the finding by which a draft strikes a clause, or restores it
    "severing",
    metadata,
    Column("draft_id", ID, primary_key=True),
    Column("clause", WORD, nullable=False),
    Column("restores", Boolean, nullable=False),
    Column("court", WORD, nullable=False),
    Column("day", WORD, nullable=False),  # of the finding
    Column("reference", WORD, nullable=False),  # under which it can be looked up
    Column("words", LargeBinary, nullable=False),  # what was found: a text, which the policy has
    Column("mac", LargeBinary),
    info=sealed(),
)
