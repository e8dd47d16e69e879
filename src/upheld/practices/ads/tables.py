"""Campaigns, the domains of advertisers, and counts by campaign and day; nothing of anybody."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Integer, LargeBinary, Table, Text

from upheld.database.columns import ID, WORD, Instant, metadata, sealed

advertiser_domain: Final = Table(
    "advertiser_domain",
    metadata,
    Column("party", WORD, primary_key=True),  # the company's word on the register
    Column("domain", WORD, nullable=False),
    Column("mac", LargeBinary),
    info=sealed(few=True),
)

campaign: Final = Table(
    "campaign",
    metadata,
    Column("campaign_id", ID, primary_key=True),
    Column("party", WORD, nullable=False),
    Column("title", WORD, nullable=False),
    Column("text", Text, nullable=False),
    Column("address", WORD, nullable=False),
    Column("category", WORD, nullable=False),
    Column("criteria", Text, nullable=False),  # JSON: dimension, to bands
    Column("begins", Instant, nullable=False),
    Column("ends", Instant, nullable=False),
    Column("views_max", Integer, nullable=False),
    Column("state", WORD, nullable=False),  # waiting, approved, refused, stopped
    Column("reason", Text, nullable=False),
    Column("eligible", Integer, nullable=False),  # people at the review; shown to nobody outside
    Column("smallest", Integer, nullable=False),  # the policy's smallest group at the review
    Column("created_at", Instant, nullable=False),
    Column("created_by", WORD, nullable=False),
    Column("reviewed_by", WORD, nullable=False),
    Column("mac", LargeBinary),
    info=sealed(few=True),
)

ad_count: Final = Table(
    "ad_count",
    metadata,
    Column("campaign_id", ID, primary_key=True),
    Column("day", WORD, primary_key=True),
    Column("views", Integer, nullable=False),
    Column("clicks", Integer, nullable=False),
    Column("mac", LargeBinary),
    info=sealed(),
)
