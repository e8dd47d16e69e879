"""Files of what partners know, how far each was taken in, and which values came from it.

Of a line that is like a customer, and not surely theirs, what it says waits sealed under that
customer's key until somebody has decided.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Table

from upheld.database.columns import GO, ID, WORD, Instant, metadata, sealed, tells

feed: Final = Table(
    "feed",
    metadata,
    Column("feed_id", ID, primary_key=True),
    Column("party", WORD, nullable=False),  # the company, in its word on the register
    Column("digest", WORD, nullable=False),  # of the file: the same file is taken in once
    Column("state", WORD, nullable=False),  # open, done, withdrawing, withdrawn
    Column("started", Instant, nullable=False),
    Column("started_by", ID, nullable=False),  # the member of staff
    Column("ended", Instant),  # when the last of its values was taken out again
    Column("ended_by", ID, nullable=False),  # who withdrew it; empty unless somebody did
    Column("lines", BigInteger, nullable=False),  # of the file, that were taken in
    Column("people", BigInteger, nullable=False),  # with whom something was combined
    Column("unmatched", BigInteger, nullable=False),  # lines of nobody, or of more than one
    Column("nothing_new", BigInteger, nullable=False),  # lines of which all was held
    Column("refused", BigInteger, nullable=False),  # by the policy
    Column("unreadable", BigInteger, nullable=False),
    Column("remain", BigInteger, nullable=False),  # values that a clause kept at the withdrawal
    Column("kind", WORD),  # transactions; nothing of values that are combined
    Column("linked", BigInteger),  # of the people: those of whom a line was like enough
    Column("arrangement", WORD),  # the order in which lines are taken in, if not the file's
    Column("mac", LargeBinary),
    Index("feed_file", "party", "digest", unique=True),
    info=sealed(),
)

feed_value: Final = Table(  # a value that came from a feed and may be there still
    "feed_value",
    metadata,
    Column("person_id", ID, primary_key=True, info=GO),
    Column("party", WORD, primary_key=True),
    Column("field", WORD, primary_key=True),
    Column("feed_id", ID, nullable=False),  # the latest that told it
    Column("mark", WORD, nullable=False),  # of the value as we stored it
    Column("mac", LargeBinary),
    Index("feed_value_feed", "feed_id", "person_id"),
    info=tells(besides="which kinds of information a company told us") | sealed(owner="person_id"),
)

likeness_question: Final = Table(  # whether a line tells of a customer whom it is like: a task
    "likeness_question",
    metadata,
    Column("task_id", ID, primary_key=True),
    Column("feed_id", ID, nullable=False),
    Column("person_id", ID, nullable=False, info=GO),
    Column("score", BigInteger, nullable=False),  # how probably, in ten-thousandths
    Column("asked", Instant, nullable=False),
    Column("sealed", LargeBinary, nullable=False),  # what the line says, under the person's key
    Column("mac", LargeBinary),
    Index("likeness_question_feed", "feed_id", "person_id"),
    info=tells(besides="what a file said of somebody who may be the same")
    | sealed(owner="person_id"),
)

likeness_refused: Final = Table(  # that whoever a line tells of is not a customer whom it is like
    "likeness_refused",
    metadata,
    Column("person_id", ID, primary_key=True, info=GO),
    Column("party", WORD, primary_key=True),
    Column("mark", WORD, primary_key=True),  # of what the line is compared by, under a key of ours
    Column("mac", LargeBinary),
    info=sealed(owner="person_id"),
)
