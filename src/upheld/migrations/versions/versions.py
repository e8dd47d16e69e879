"""Versions of the policy that were posted, their bytes, and drafts of further ones."""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"


def upgrade() -> None:
    """Make the tables; the first version is the file that the provider is next opened with."""
    op.create_table(
        "posted_version",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("digest", sa.String(255), nullable=False, unique=True),
        sa.Column("version", sa.String(255), nullable=False),
        sa.Column("posted", sa.BigInteger, nullable=False),
        sa.Column("entry", sa.BigInteger, nullable=False),
        sa.Column("widens", sa.Boolean, nullable=False),
        sa.Column("drafted_by", sa.String(255), nullable=False),
        sa.Column("approved_by", sa.String(255), nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
    op.create_table(
        "policy_copy",
        sa.Column("digest", sa.String(255), primary_key=True),
        sa.Column("compiled", sa.LargeBinary, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
    op.create_table(
        "version_draft",
        sa.Column("draft_id", sa.String(32), primary_key=True),
        sa.Column("digest", sa.String(255), nullable=False),
        sa.Column("base", sa.String(255), nullable=False),
        sa.Column("version", sa.String(255), nullable=False),
        sa.Column("state", sa.String(255), nullable=False),
        sa.Column("widens", sa.Boolean, nullable=False),
        sa.Column("drafted_by", sa.String(255), nullable=False),
        sa.Column("drafted", sa.BigInteger, nullable=False),
        sa.Column("approved_by", sa.String(255), nullable=False),
        sa.Column("approved", sa.BigInteger),
        sa.Column("mac", sa.LargeBinary),
    )
