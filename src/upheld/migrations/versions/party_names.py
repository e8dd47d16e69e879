"""How people call a company of the register of parties; what proves who it is are records."""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"


def upgrade() -> None:
    """Make the table; companies that are recorded already keep the names that they have."""
    op.create_table(
        "party_name",
        sa.Column("party", sa.String(255), primary_key=True),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
