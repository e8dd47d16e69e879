"""The tables of a provider's records.

A person's id leads every key, so that a database that spreads rows over machines can keep a person
together, and so that all of it goes with them (gate/erasure/delete_person.py); a column that names
somebody in a row of somebody else's says what becomes of it then. It is random and says nothing.
What is personal is sealed; what is beside it are words of the policy's vocabulary, numbers and
times. How each column is sealed is told where it is written.

What is read at every act has no row ids on SQLite: there a key leads to the row, not to its place.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, Table, Text

from upheld.database.columns import (
    BEGINNING,
    BLANK,
    GO,
    ID,
    MICROSECOND,
    NUMBER,
    POSTGRESQL,
    SQLITE,
    STAYS,
    WORD,
    Instant,
    bare,
    mark_as_internal,
    metadata,
    microseconds,
    sealed,
    stands,
    tells,
    told_where,
)

__all__ = [  # with what tables are declared by, which their users name together with them
    "BEGINNING",
    "BLANK",
    "GO",
    "ID",
    "MICROSECOND",
    "NUMBER",
    "POSTGRESQL",
    "SQLITE",
    "STAYS",
    "WORD",
    "Instant",
    "backup",
    "bare",
    "blind_index",
    "checkpoint",
    "dropped",
    "entry",
    "entry_person",
    "epoch",
    "item",
    "lease",
    "log_name",
    "metadata",
    "microseconds",
    "person",
    "person_key",
    "record",
    "restored",
    "sealed",
    "severed",
    "stands",
    "tile",
    "value",
]

person: Final = Table(
    "person",
    metadata,
    Column("person_id", ID, primary_key=True),
    Column("state", WORD, nullable=False),
    Column("created", Instant, nullable=False),
    Column("holdings", LargeBinary),  # what the person's current values are, sealed with the state
    Column("cover", LargeBinary),  # over the set of rows about the person that decide, sealed
    # digests alone, and sealed
    info=tells() | bare("its state is sealed with what is held; nothing rests on when it was made"),
    sqlite_with_rowid=False,
)

epoch: Final = Table(
    "epoch",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("mark", LargeBinary, nullable=False),  # that it is this keyring's
    Column("closed", Boolean, nullable=False),
    info=bare("its mark is a MAC; a closed one takes no new key, and an open one has none left"),
)

person_key: Final = Table(
    "person_key",
    metadata,
    Column("person_id", ID, primary_key=True),
    Column("epoch", Integer, nullable=False, index=True),
    Column("wrapped_key", LargeBinary, nullable=False),
    info=tells(besides="the key to what is held of somebody, itself encrypted")
    | bare("the key is sealed for its person and epoch"),
    sqlite_with_rowid=False,
)

value: Final = Table(
    "value",
    metadata,
    Column("person_id", ID, primary_key=True),
    Column("field", WORD, primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("origin", WORD, nullable=False),
    Column("occasion", WORD, nullable=False),
    Column("clause", WORD, nullable=False),
    Column("at", Instant, nullable=False),
    Column("public_source", WORD),
    Column("current", Boolean, nullable=False),
    info=bare("sealed with all that is told beside it; what is held says which are current"),
    sqlite_with_rowid=False,
)

blind_index: Final = Table(
    "blind_index",
    metadata,
    Column("person_id", ID, primary_key=True),
    Column("field", WORD, primary_key=True),
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    Column("token", LargeBinary, nullable=False),
    Column("mac", LargeBinary),
    Index("blind_index_token", "field", "token"),
    info=tells(besides="keyed marks of the values by which somebody is looked up")
    | sealed(owner="person_id"),
    sqlite_with_rowid=False,
)

record: Final = Table(
    "record",
    metadata,
    Column("person_id", ID, primary_key=True),  # empty for a register, such as the partners
    Column("record_id", ID, primary_key=True),
    Column("kind", WORD, nullable=False),
    Column("party", WORD, nullable=False),
    Column("dims", Text, nullable=False),
    Column("valid_from", Instant, nullable=False),
    Column("ends", Instant),
    Column("withdrawn", Instant),
    Column("by_whom", WORD, nullable=False),
    Column("how", WORD, nullable=False),
    Column("text_digest", WORD, nullable=False),
    Column("body", LargeBinary),
    Column("mac", LargeBinary, nullable=False),
    Index("record_kind", "person_id", "kind", "party"),
    Index("record_of_kind", "kind", "party", info=POSTGRESQL).ddl_if(dialect="postgresql"),
    Index("record_about", "kind", "party", "dims", info=SQLITE).ddl_if(dialect="sqlite"),
    info=tells("privacy-choices", besides="the texts that were shown")
    | told_where("kind NOT IN ('hold', 'instrument')")  # which nothing but legal process has
    | sealed(
        owner="person_id",
        part="kind",
        free={
            "body": "the text that was shown: sealed itself, for this record and its digest",
        },
    ),
)

entry: Final = Table(
    "entry",
    metadata,
    Column("number", NUMBER, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("person_id", ID),
    Column("salt", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("leaf", LargeBinary, nullable=False),
    Index("entry_whose", "person_id", "number"),
    info=bare("the tree of the ledger commits to it"),
)

entry_person: Final = Table(  # whose a batch's entry is besides
    "entry_person",
    metadata,
    Column("person_id", ID, primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    info=bare("a batch's entry commits to whose it is, and to how many they are"),
    sqlite_with_rowid=False,
)

item: Final = Table(
    "item",
    metadata,
    Column("person_id", ID, primary_key=True),
    Column("item_id", ID, primary_key=True),
    Column("kind", WORD, nullable=False),
    Column("clause", WORD, nullable=False),
    Column("due", Instant),
    Column("state", WORD, nullable=False),
    Column("entry", BigInteger),
    Column("action", WORD, nullable=False, server_default=""),  # what is owed
    Column("basis", WORD, nullable=False, server_default=""),  # the record by which it is owed
    Column("closed", BigInteger),  # the entry that closed it
    Column("mac", LargeBinary),
    Index("item_due", "state", "due"),
    Index("item_basis", "basis"),
    info=sealed(owner="person_id", part="state"),
)

log_name: Final = Table(  # each log of this database, by its first entry; a restore begins another
    "log_name",
    metadata,
    Column("first", NUMBER, primary_key=True, autoincrement=False),
    Column("origin", WORD, nullable=False, unique=True),
    Column("public_key", WORD, nullable=False),
    info=bare("the log's key is told to whoever verifies, and signs every checkpoint"),
)

tile: Final = Table(  # up to 256 hashes of a log's tree
    "tile",
    metadata,
    Column("log", BigInteger, primary_key=True, autoincrement=False),
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("place", BigInteger, primary_key=True, autoincrement=False),
    Column("hashes", LargeBinary, nullable=False),
    info=bare("a checkpoint signs the root of it"),
)

checkpoint: Final = Table(
    "checkpoint",
    metadata,
    Column("log", BigInteger, primary_key=True, autoincrement=False),
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("root", LargeBinary, nullable=False),
    Column("at", Instant, nullable=False),
    Column("note", Text),  # nothing until it is signed
    info=bare("it is signed, and what it says is the tree's"),
)

lease: Final = Table(  # who does the jobs, and until when
    "lease",
    metadata,
    Column("name", WORD, primary_key=True),
    Column("holder", WORD, nullable=False),
    Column("until", Instant, nullable=False),
    info=bare("who takes it away from the leader delays the jobs, for as long as it lasts"),
)

erasure: Final = (
    Table(  # an erasure, by a keyed digest of whose it is; the id itself until it is done
        "erasure",
        metadata,
        Column("token", ID, primary_key=True),
        Column("entry", BigInteger, primary_key=True, autoincrement=False),
        Column("person_id", ID),
        Column("state", WORD, nullable=False),
        Column("epoch", Integer, nullable=False),  # whose key must be destroyed for it to be final
        Column("sealed", LargeBinary, nullable=False),  # what is to be done, then the certificate
        Column("mac", LargeBinary),
        Index("erasure_state", "state", "token"),
        info=sealed(),
    )
)

dropped: Final = Table(  # values that were deleted, until the list of erasures has them
    "dropped",
    metadata,
    Column("token", ID, primary_key=True),
    Column("entry", BigInteger, primary_key=True, autoincrement=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("mac", LargeBinary),
    info=sealed(),
)

severed: Final = Table(  # entries from which people were cut, and from a batch how many
    "severed",
    metadata,
    Column("number", NUMBER, primary_key=True, autoincrement=False),
    Column("people", Integer, nullable=False),
    Column("mac", LargeBinary, nullable=False),
    Column("rest", LargeBinary),  # of a batch: a digest of those who are left
    info=sealed(),
)

backup: Final = Table(  # by when the keys of each backup are destroyed
    "backup",
    metadata,
    Column("backup_id", ID, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("state", WORD, nullable=False),
    Column("mac", LargeBinary),
    info=sealed(),
)

restored: Final = Table(  # by a restore a new log begins at this entry
    "restored",
    metadata,
    Column("first", NUMBER, primary_key=True, autoincrement=False),
    Column("previous", Text, nullable=False),  # the last known checkpoint of the log before
    info=bare("the entry that it names says the same, and is in the tree"),
)

mark_as_internal(
    person,
    epoch,
    person_key,
    value,
    blind_index,
    record,
    entry,
    entry_person,
    item,
    log_name,
    tile,
    checkpoint,
    lease,
    dropped,
    severed,
    backup,
    restored,
)
