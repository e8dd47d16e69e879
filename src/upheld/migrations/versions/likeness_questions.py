"""Lines of a partner's file that are like a customer; browsers that somebody untied from them."""

import sqlalchemy as sa
from alembic import op

revision = "0070"
down_revision = "0069"

ID = sa.String(32)


def upgrade() -> None:
    """Add the columns, which stay empty of what was, and make the table."""
    op.add_column("feed", sa.Column("linked", sa.BigInteger))
    op.add_column("visit_tie", sa.Column("untied", sa.BigInteger))
    op.create_table(
        "likeness_question",
        sa.Column("task_id", ID, primary_key=True),
        sa.Column("feed_id", ID, nullable=False),
        sa.Column("person_id", ID, nullable=False),
        sa.Column("score", sa.BigInteger, nullable=False),
        sa.Column("asked", sa.BigInteger, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("mac", sa.LargeBinary),
    )
    op.create_index("likeness_question_feed", "likeness_question", ["feed_id", "person_id"])
