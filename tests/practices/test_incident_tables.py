"""What each table of people tells of them is declared, and an incident about it says so."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import LargeBinary, Text

from empty import empty_database
from practices.conftest import House, send
from practices.test_incidents import CONSOLE, NOTICE, letters, open_one, run_job
from upheld.database.schema import declared_tables
from upheld.demo import sample_policy
from upheld.gate.operations.misuse import VALUES, tables_of_people
from upheld.policy.load import load_text

NO_VALUE = "No value of anybody is among it"
TELLS = "tells"


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """What is declared is the same on every database."""
    return empty_database(tmp_path)


def test_a_table_of_people_with_a_text_or_bytes_declares_what_it_tells_of_them() -> None:
    """Where only ids, words of our own, numbers and times stand, it may have nothing to tell."""
    silent = []
    for name in tables_of_people().keys() - {VALUES}:
        table = declared_tables().tables[name]
        columns = [each for each in table.columns if isinstance(each.type, (LargeBinary, Text))]
        if [each for each in columns if each.name != "mac"] and TELLS not in table.info:
            silent.append(name)
    assert silent == []


def test_what_a_table_tells_is_of_kinds_of_the_vocabulary_or_said_in_words() -> None:
    """A kind is a word of the policy's, and those of what a hold keeps are not all of a row's."""
    words = load_text(Path(sample_policy()).read_text(encoding="utf-8"))
    kinds = words.program.vocabulary.tree("data")
    telling = [each.info[TELLS] for each in declared_tables().tables.values() if TELLS in each.info]
    assert [word for each in telling for word in each.kinds if word not in kinds] == []
    assert [each.besides for each in telling if each.besides.endswith(".")] == []
    assert sum(bool(each.kinds) for each in telling) > 5


@pytest.mark.parametrize(
    ("table", "kinds"),
    [
        ("account", "account number"),
        ("blind_index", "keyed marks of the values"),
        ("person_key", "the key to what is held of somebody"),
        ("person", ""),
    ],
)
def test_an_incident_about_a_table_says_what_of_people_is_in_it(
    house: House, table: str, kinds: str
) -> None:
    """On its page, in the counts, in the letter and in the account; or that there is no value."""
    ann = house.customer()
    first, second = (
        house.signed_in(house.staff("privacy", sign_in=name), "staff") for name in ("pia", "pat")
    )
    path = f"{CONSOLE}/{open_one(house, first, kind='table', subject=table)}"
    page = first.get(path).text
    assert (NO_VALUE in page) is (not kinds)
    assert kinds in page.lower()
    assert kinds in first.get(f"{path}/counts.csv").text
    send(first, f"{path}/draft", {"notice": NOTICE}, path)
    send(second, f"{path}/approve", {}, path)
    run_job(house)
    mine = path.replace("/staff", "/me")
    ((_, letter),) = letters(house, mine)
    own = house.signed_in(ann).get(mine).text
    for text in (" ".join(letter.split()), own):
        assert kinds in text
        assert ("It concerns:" in text) is bool(kinds)
