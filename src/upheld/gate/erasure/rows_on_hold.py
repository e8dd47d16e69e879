"""Rows of practices that a hold keeps when their person is erased: taken aside, and written again.

A practice says of a table of its own, where it is declared, that a hold keeps its rows. Who whose
they are is goes along with what the law keeps apart, so that they are of that person from then on;
what is sealed in them is sealed anew for that. A row that is kept with a record goes with it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table

from upheld.core.ids import PersonId
from upheld.database import rows as database
from upheld.database.columns import AnewBy
from upheld.database.schema import declared_tables
from upheld.gate.evidence.provers import GAG
from upheld.gate.evidence.reach_of_holds import reaching
from upheld.gate.evidence.records import Record
from upheld.gate.sealing import Sealer
from upheld.policy.load import Policy
from upheld.vault.envelope import SealError
from upheld.vault.keyring import Keyring

HELD_WITH = "apart"  # of a table: the column with the record that keeps a row; "" where each is
ANEW = "anew"  # of such a table: how a row that was changed is written anew
KINDS = "kinds"  # of a table: the kinds of data in its rows


class HeldRows(NamedTuple):
    """Rows of one table that are kept of somebody, and whose; those that are `altered` not as such.

    These prove nothing: another is written in their place, as far as records say the same.
    """

    table: Table
    person_id: PersonId
    rows: list[Any]
    altered: list[Any]


def tables_on_hold() -> list[Table]:
    """The tables whose rows a hold keeps, those that it keeps with a record too."""
    tables = declared_tables().tables
    return [each for _, each in sorted(tables.items()) if HELD_WITH in each.info]


def moving_tables(policy: Policy, holds: Sequence[Record]) -> list[Table]:
    """The tables whose every row goes along with what some holds keep apart."""
    some = [each for each in tables_on_hold() if not each.info[HELD_WITH]]
    return [each for each in some if reaching(policy, holds, each.info[KINDS])]


def out_of_reach(policy: Policy, holds: Sequence[Record]) -> list[Table]:
    """The tables whose rows would go along, of which some holds keep none."""
    some = [each for each in tables_on_hold() if not each.info[HELD_WITH]]
    return [each for each in some if not reaching(policy, holds, each.info[KINDS])]


def row_kinds(policy: Policy) -> tuple[str, ...]:
    """The kinds of data, in words of a policy, of rows that go along with what is kept."""
    leaves = policy.engine.compiled.leaves["data"].bit
    words = {word: None for each in tables_on_hold() for word in each.info.get(KINDS, ())}
    return tuple(word for word in words if word in leaves)


def kinds_beside(words: Collection[str]) -> set[str]:
    """Some kinds of data, and those that stand in the same rows: a hold keeps a row as a whole."""
    of_tables = [{*each.info.get(KINDS, ())} for each in tables_on_hold()]
    return {*words}.union(*(kinds for kinds in of_tables if not kinds.isdisjoint(words)))


def take(connection: Connection, person_id: PersonId, *, is_told: bool) -> list[HeldRows]:
    """Those of the rows of somebody that a hold may keep which are ours, one by one.

    What was changed is left to self-check: an error would tell of a hold of which nobody may speak.
    Where one `is_told` that stays, what says which record keeps what is whole, or SealedError.
    """
    its_rows, where = [], "person_id = ?"
    for table in tables_on_hold():
        altered = list[Any]()
        if is_told and table.info[HELD_WITH]:
            mine = database.select(connection, table, where, person_id)
        else:
            mine, changed = database.select_parted(connection, table, where, person_id)
            altered = changed if ANEW in table.info else []
        if mine or altered:
            its_rows.append(HeldRows(table, person_id, mine, altered))
    return its_rows


def of_records(some: Collection[HeldRows], proofs: Collection[str]) -> list[HeldRows]:
    """Those of some rows that are kept with a record, and whose record is among the proofs."""
    return [
        each._replace(rows=[row for row in each.rows if getattr(row, column) in proofs])
        for each in some
        if (column := each.table.info[HELD_WITH])
    ]


def anew(some: Collection[HeldRows], proofs: Iterable[Record]) -> list[HeldRows]:
    """What is written in place of rows that were changed and are kept with one of some records.

    Whatever their columns said: what the records say, and what is sealed in them.
    """
    ids_by_how: dict[str, dict[bool, str]] = {}  # and by whether one forbids to tell
    for record in proofs:
        ids_by_how.setdefault(record.how, {})[record.fact == GAG] = record.record_id
    result = []
    for each in some:
        new = []
        for row in each.altered:
            how: AnewBy = each.table.info[ANEW]
            ids = ids_by_how.get(getattr(row, how.column), {})
            if False in ids:
                names = {each.table.info[HELD_WITH]: ids[False], how.silence: ids.get(True)}
                bare = {name: None for name in row._fields if not _stays(each.table, name)}
                new.append(row._replace(**{**bare, **how.otherwise, **names}))
        result.append(each._replace(rows=new))
    return result


def _stays(table: Table, name: str) -> bool:
    column = table.columns[name]
    return column.primary_key or "sealed_for" in column.info


def moving(policy: Policy, some: Collection[HeldRows], holds: Sequence[Record]) -> list[HeldRows]:
    """Those of some rows that go along with what some holds keep apart, whatever record does."""
    names = {each.name for each in moving_tables(policy, holds)}
    return [each for each in some if each.table.name in names]


def write(
    connection: Connection, keyring: Keyring, some: Collection[HeldRows], person_id: PersonId
) -> None:
    """Write rows that were taken aside as those of a person, but those that are theirs already.

    What does not open stays as it is, and opens no more.
    """
    for each in some:
        names = [column.name for column in each.table.primary_key.columns]
        theirs = {
            tuple(getattr(row, name) for name in names)
            for row in database.select(connection, each.table, "person_id = ?", person_id)
        }
        as_theirs = [_as_row_of(keyring, each.table, row, person_id) for row in each.rows]
        new = [row for row in as_theirs if tuple(row[name] for name in names) not in theirs]
        database.insert_all(connection, each.table, new)


def _as_row_of(keyring: Keyring, table: Table, row: Any, person_id: PersonId) -> dict[str, Any]:
    """A row as it is where it is of a person, with what is sealed in it sealed for them."""
    before = row._asdict()
    after = {**before, "person_id": person_id}
    for column in table.columns:
        if "sealed_for" not in column.info or not before[column.name]:
            continue  # what was emptied stays so
        purpose, place = column.info["sealed_for"]
        sealer = Sealer(keyring, *purpose)
        what = f"a row of {table.name}"
        with suppress(SealError):
            plain = sealer.unseal(before[column.name], *(before[at] for at in place), what=what)
            after[column.name] = sealer.seal(plain, *(after[at] for at in place))
    return after
