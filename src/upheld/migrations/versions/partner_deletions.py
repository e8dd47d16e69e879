"""When a partner said that it deleted what it pulled, and who said so."""

import sqlalchemy as sa
from alembic import op

revision = "0057"
down_revision = "0056"


def upgrade() -> None:
    """Add the columns; of what was pulled before, nobody has said it."""
    op.add_column("partner_pull", sa.Column("deleted", sa.BigInteger))
    op.add_column("partner_pull", sa.Column("deleted_by", sa.String(255)))
