"""Tables of the jobs: what was found not whole, whom a job set aside, how far a look has come."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, LargeBinary, Table, Text

from upheld.database.columns import ID, WORD, Instant, bare, mark_as_internal, metadata, sealed

finding: Final = Table(  # something that is not whole, until a later look finds it whole
    "finding",
    metadata,
    Column("person_id", ID, primary_key=True),  # empty where it is nobody's
    Column("finding_id", ID, primary_key=True),
    Column("kind", WORD, nullable=False),  # which job found it
    Column("subject", WORD, nullable=False),  # a table, or a part of the log
    Column("number", BigInteger, nullable=False),  # of an entry; 0 where it is of none
    Column("text", Text, nullable=False),
    Column("since", Instant, nullable=False),
    info=bare("nothing rests on it: the next look finds again whatever is not whole"),
    sqlite_with_rowid=False,
)

set_aside: Final = Table(  # whom, or which row, a job could not do, until it can
    "set_aside",
    metadata,
    Column("person_id", ID, primary_key=True),  # empty where it is nobody's
    Column("job", WORD, primary_key=True),
    Column("about", WORD, primary_key=True),  # which row of theirs, by its id
    Column("why", WORD, nullable=False),  # the code of the error
    Column("since", Instant, nullable=False),
    info=bare("nothing rests on it: a job tries everybody each time, listed here or not"),
    sqlite_with_rowid=False,
)

cosigned: Final = Table(  # checkpoints with the cosignatures of witnesses
    "cosigned",
    metadata,
    Column("log", BigInteger, primary_key=True, autoincrement=False),
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("note", Text, nullable=False),
    Column("at", Instant, nullable=False),
    info=bare("the log and each witness have signed it, and what it says is the tree's"),
)

look: Final = Table(  # how far a look through everything has come
    "look",
    metadata,
    Column("name", WORD, primary_key=True),
    Column("place", WORD, nullable=False),  # where it goes on; empty at the beginning
    Column("started_at", Instant, nullable=False),
    Column("ended", Instant),  # when it last came to the end
    Column("mac", LargeBinary),
    info=sealed(),
)

counted: Final = Table(  # how far the entries of the log are counted
    "counted",
    metadata,
    Column("name", WORD, primary_key=True),
    Column("number", BigInteger, nullable=False),  # of the last entry that is counted
    Column("since", Instant, nullable=False),  # when the first of them was written
    Column("mac", LargeBinary),
    info=sealed(),
)

clause_count: Final = Table(  # how often a clause decided in a month of the house's zone
    "clause_count",
    metadata,
    Column("month", WORD, primary_key=True),  # as 2026-03
    Column("clause", WORD, primary_key=True),
    Column("decided", BigInteger, nullable=False),
    Column("refused", BigInteger, nullable=False),
    Column("last", WORD, nullable=False),  # the last day on which it did, as 2026-03-01
    Column("mac", LargeBinary),
    info=sealed(),
    sqlite_with_rowid=False,
)

disclosure_count: Final = Table(  # how often a category of information went to one of recipients
    "disclosure_count",
    metadata,
    Column("month", WORD, primary_key=True),
    Column("information", WORD, primary_key=True),
    Column("recipient", WORD, primary_key=True),
    Column("times", BigInteger, nullable=False),
    Column("mac", LargeBinary),
    info=sealed(),
    sqlite_with_rowid=False,
)

published_count: Final = Table(  # the table of each month, as it was published
    "published_count",
    metadata,
    Column("month", WORD, primary_key=True),
    Column("entry", BigInteger, nullable=False),  # which names its digest
    Column("body", Text, nullable=False),
    Column("mac", LargeBinary),
    info=sealed(),
)

mark_as_internal(
    finding,
    set_aside,
    cosigned,
    look,
    counted,
    clause_count,
    disclosure_count,
    published_count,
)
