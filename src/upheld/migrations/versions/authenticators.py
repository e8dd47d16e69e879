"""Second factors of customers."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"

ID = sa.String(32)


def upgrade() -> None:
    """Make the tables; what each is for is told where the practice declares it."""
    op.create_table(
        "authenticator",
        sa.Column("person_id", ID, primary_key=True),
        sa.Column("secret", sa.LargeBinary, nullable=False),
        sa.Column("step", sa.BigInteger, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "recovery_code",
        sa.Column("person_id", ID, primary_key=True),
        sa.Column("code_hash", sa.LargeBinary, primary_key=True),
    )
