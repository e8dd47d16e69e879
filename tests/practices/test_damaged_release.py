"""A release gives what opens, and says in the manifest and at the desk what does not."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from empty import empty_database
from practices.conftest import House
from practices.orders import approved, demand, release, texts
from practices.test_holds import NAMES, Held, apart, write_name
from upheld.core.ids import PersonId
from upheld.database.statements import rows, run
from upheld.database.transaction import reading, writing
from upheld.gate.erasure.erase import erase
from upheld.practices.legal.demands import LegalError
from upheld.practices.legal.instrument import Instrument
from upheld.practices.legal.production import UNREADABLE

BEFORE, THEN, SINCE, LAST = NAMES


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """One kind of database is enough: what does not open is told the same way."""
    return empty_database(tmp_path)


class Overwritten:
    """A customer under an order whose name was overwritten again and again while it lasts."""

    def __init__(self, house: House, *, silent: bool, is_erased: bool) -> None:
        self.house, self.held = house, Held(house, silent=silent)
        for name in NAMES:
            write_name(house, self.held.ann, name)
        if is_erased:
            erase(self.held.gate, [self.held.ann])
        kept_apart = apart(house)
        self.whose = kept_apart[0] if kept_apart else self.held.ann
        with reading(self.held.gate.engine) as connection:
            self.revisions = {
                revision: bytes(raw)
                for revision, raw in rows(
                    connection,
                    "SELECT revision, sealed FROM value WHERE person_id = ? AND field = 'name'",
                    self.whose,
                )
            }

    def order(self, *fields: str) -> Instrument:
        """A court's order for some fields of the account."""
        wanted = demand(self.house, fields=fields)._replace(accounts=(self.held.account,))
        return approved(self.house, self.held.desk, wanted)

    def write(self, revision: int, raw: bytes) -> None:
        """Write the bytes of a name behind our back."""
        with writing(self.held.gate.engine) as connection:
            run(
                connection,
                "UPDATE value SET sealed = ?"
                " WHERE person_id = ? AND field = 'name' AND revision = ?",
                raw,
                self.whose,
                revision,
            )

    def damage(self, back: int) -> int:
        """Change a name, so many before the current one; its revision."""
        revision: int = max(self.revisions) - back
        self.write(revision, b"\x01" + bytes(60))
        return revision


def names_in(files: dict[str, str]) -> list[str]:
    """Which of the names were released."""
    text = "\n".join(files[each] for each in files if each.startswith("pages/"))
    return [each for each in NAMES if each in text]


CASES = [(False, False), (False, True), (True, False), (True, True)]


@pytest.mark.parametrize(("silent", "is_erased"), CASES)
def test_a_former_value_that_was_changed_is_told_as_missing_and_all_else_is_given(
    house: House, *, silent: bool, is_erased: bool
) -> None:
    """In the pages, the manifest and at the desk; put back and released again it is complete."""
    its = Overwritten(house, silent=silent, is_erased=is_erased)
    revision = its.damage(2)  # the one after the first
    order = its.order("name", "email")
    files = texts(release(house, its.held.desk, order))
    assert names_in(files) == [BEFORE, SINCE, LAST]
    assert sum(UNREADABLE in each for each in files.values()) == 1
    manifest = json.loads(files["manifest.json"])
    assert manifest["unreadable"] == [{"account": its.held.account, "field": "name"}]
    officer = house.signed_in(its.held.desk.officer, "staff")
    path = f"/staff/legal/{order.instrument_id}"
    assert "Of name an earlier value was changed" in officer.get(path).text
    its.write(revision, its.revisions[revision])
    files = texts(release(house, its.held.desk, order))
    assert names_in(files) == [*NAMES]
    assert json.loads(files["manifest.json"])["unreadable"] == []
    assert "an earlier value" not in officer.get(path).text


@pytest.mark.parametrize("is_erased", [False, True])
def test_what_may_have_been_over_before_the_period_is_not_given(
    house: House, *, is_erased: bool
) -> None:
    """Where what followed it does not open, nobody can say until when it stood."""
    held = Held(house, silent=False)
    for name in NAMES:
        write_name(house, held.ann, name)
        house.clock.moved += timedelta(days=1)
    if is_erased:
        erase(held.gate, [held.ann])
    start = house.clock.now() - timedelta(days=2, hours=12)  # while the second one stood
    wanted = demand(house, fields=("name",), period_start=start)
    order = approved(house, held.desk, wanted._replace(accounts=(held.account,)))
    given = names_in(texts(release(house, held.desk, order)))
    assert given == [THEN, SINCE, LAST]
    damage_name(house, held.ann, back=1)
    assert names_in(texts(release(house, held.desk, order))) == [LAST]


def damage_name(house: House, person: PersonId, *, back: int) -> None:
    """Change a name of somebody behind our back, so many before the current one."""
    with writing(house.provider.gate.gate.engine) as connection:
        run(
            connection,
            "UPDATE value SET sealed = ? WHERE person_id = ? AND field = 'name' AND revision ="
            " (SELECT MAX(revision) - ? FROM value WHERE person_id = ? AND field = 'name')",
            b"\x01" + bytes(60),
            person,
            back,
            person,
        )


@pytest.mark.parametrize(("silent", "is_erased"), CASES)
def test_where_a_current_value_was_changed_the_answer_says_which_and_what_to_do(
    house: House, *, silent: bool, is_erased: bool
) -> None:
    """Nothing leaves and nothing is entered; the other kinds of data can be released alone."""
    its = Overwritten(house, silent=silent, is_erased=is_erased)
    revision = its.damage(0)
    order = its.order("name", "email")
    with reading(its.held.gate.engine) as connection:
        before = rows(connection, "SELECT COUNT(*) FROM entry")
    with pytest.raises(LegalError, match="`name` of person"):
        release(house, its.held.desk, order)
    with reading(its.held.gate.engine) as connection:
        assert rows(connection, "SELECT COUNT(*) FROM entry") == before
    files = texts(release(house, its.held.desk, order, fields=["email"]))
    assert "ann@marked.example" in "\n".join(files.values())
    its.write(revision, its.revisions[revision])
    assert names_in(texts(release(house, its.held.desk, order))) == [*NAMES]
