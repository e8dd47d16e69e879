"""Links in messages end whose copies may be read by others; whose copies have such is listed.

What is in a copy is sealed under its person's key, so that a job takes the links out of the text.
Nothing opens by them from this step on. The address of a certificate goes on where its person is
erased, since no copy is left of it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Make the list, and end the links."""
    op.create_table("redaction", sa.Column("person_id", sa.String(32), primary_key=True))
    op.execute(
        "INSERT INTO redaction SELECT DISTINCT person_id FROM value WHERE field = 'messages'"
    )
    op.execute("DELETE FROM link WHERE kind IN ('verify', 'recover', 'household', 'guardian')")
    op.execute(
        "DELETE FROM link WHERE kind = 'erasure' AND subject NOT IN (SELECT token FROM erasure)"
    )
