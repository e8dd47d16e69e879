"""The tables of accounts, of tasks on customers, and of messages to be sent."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

ID = sa.String(32)
WORD = sa.String(255)


def upgrade() -> None:
    """Make the tables; what each is for is told where a practice declares it."""
    op.create_table(
        "account",
        sa.Column("person_id", ID, primary_key=True),
        sa.Column("number", WORD, nullable=False, unique=True),
        sa.Column("state", WORD, nullable=False),
        sa.Column("holder", ID, nullable=False),
        sa.Column("opened", sa.BigInteger, nullable=False),
        sa.Column("verified", sa.BigInteger),
        sa.Column("closed", sa.BigInteger),
        sa.Column("policy_digest", WORD, nullable=False),
        sa.Column("agreement_digest", WORD, nullable=False),
    )
    op.create_index("account_holder", "account", ["holder"])
    op.create_index("account_state", "account", ["state", "opened"])
    _shared()


def _shared() -> None:
    op.create_table(
        "task",
        sa.Column("person_id", ID, primary_key=True),
        sa.Column("task_id", ID, primary_key=True),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("purpose", WORD, nullable=False),
        sa.Column("role", WORD, nullable=False),
        sa.Column("about", WORD, nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("opened", sa.BigInteger, nullable=False),
        sa.Column("due", sa.BigInteger),
        sa.Column("closed", sa.BigInteger),
        sa.Column("staff_id", ID),
        sa.Column("record_id", ID),
    )
    op.create_index("task_state", "task", ["state", "role", "due"])
    op.create_table(
        "outbox",
        sa.Column("person_id", ID, primary_key=True),
        sa.Column("message_id", ID, primary_key=True),
        sa.Column("template", WORD, nullable=False),
        sa.Column("purpose", WORD, nullable=False),
        sa.Column("words", sa.Text, nullable=False),
        sa.Column("entry", sa.BigInteger, nullable=False),
        sa.Column("made", sa.BigInteger, nullable=False),
        sa.Column("due", sa.BigInteger),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("state", WORD, nullable=False),
    )
    op.create_index("outbox_due", "outbox", ["due"])
    op.create_table(
        "invitation",
        sa.Column("person_id", ID, primary_key=True),
        sa.Column("invitation_id", ID, primary_key=True),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("inviter", ID, nullable=False),
        sa.Column("made", sa.BigInteger, nullable=False),
        sa.Column("expires", sa.BigInteger, nullable=False),
        sa.Column("accepted", sa.BigInteger),
        sa.Column("text_digest", WORD, nullable=False),
        sa.Column("code_hash", sa.LargeBinary, nullable=False, unique=True),
    )
    op.create_index("invitation_inviter", "invitation", ["inviter", "state"])
    op.create_table(
        "desk_user",
        sa.Column("user_id", ID, primary_key=True),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("name", WORD, nullable=False),
        sa.Column("sign_in", WORD, nullable=False, unique=True),
        sa.Column("password", WORD, nullable=False),
        sa.Column("secret", sa.LargeBinary, nullable=False),
        sa.Column("step", sa.BigInteger, nullable=False),
        sa.Column("roles", WORD, nullable=False),
        sa.Column("party", WORD, nullable=False),
        sa.Column("state", WORD, nullable=False),
    )
