"""Versions of the Master Terms, their words, and who accepted which."""

import sqlalchemy as sa
from alembic import op

revision = "0045"
down_revision = "0044"


def upgrade() -> None:
    """Make the tables; the first version is the file that the provider is next opened with."""
    op.create_table(
        "terms_version",
        sa.Column("digest", sa.String(255), primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("version", sa.String(255), nullable=False),
        sa.Column("posted", sa.BigInteger),
        sa.Column("drafted_by", sa.String(255), nullable=False),
        sa.Column("posted_by", sa.String(255), nullable=False),
        sa.Column("draft_id", sa.String(255), nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
    op.create_table(
        "terms_text",
        sa.Column("digest", sa.String(255), primary_key=True),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
    op.create_table(
        "terms_acceptance",
        sa.Column("person_id", sa.String(32), primary_key=True),
        sa.Column("digest", sa.String(255), primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
