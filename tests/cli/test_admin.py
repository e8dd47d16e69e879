"""`upheld admin` and `upheld keys epoch`: a provider's database from nothing, filled, checked."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from upheld.cli import app
from upheld.core.clock import system_time
from upheld.core.errors import UpheldError
from upheld.database.engines import open_database
from upheld.database.transaction import writing
from upheld.demo import sample_policy

PEOPLE = "name,email,birth-date\nAnn,ann@example.org,1990-01-02\nBo,bo@example.org,\n,,\n"


@pytest.fixture(name="home")
def _home(tmp_path: Path) -> Path:
    """A folder with settings and a passphrase, and nothing made yet."""
    return _with_settings(tmp_path)


@pytest.fixture(scope="module")
def empty_provider(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a provider of nobody, for tests that take nobody in."""
    home = _with_settings(tmp_path_factory.mktemp("empty"))
    run(home, "admin", "init")
    return home


def _with_settings(folder: Path) -> Path:
    (folder / "policy.md").write_text(sample_policy().read_text())
    (folder / "passphrase").write_text("seven plain words in a row")
    (folder / "passphrase").chmod(0o600)
    (folder / "people.csv").write_text(PEOPLE)
    (folder / "upheld.toml").write_text(
        'database = "sqlite:///provider.db"\nkeyring = "keyring"\npolicy = "policy.md"\n'
        'passphrase_file = "passphrase"\n'
    )
    return folder


def run(home: Path, *words: str, expect: int = 0) -> str:
    """Run a command with the settings of the folder."""
    said = [*words, "--settings", str(home / "upheld.toml")]
    done = CliRunner().invoke(app, said, catch_exceptions=False)
    assert done.exit_code == expect, done.output
    return done.output


def test_a_provider_is_begun_filled_and_found_whole(home: Path) -> None:
    """Init twice changes nothing; a dry run keeps nothing; who is known is not taken in again."""
    assert "made" in run(home, "admin", "init")
    assert "was there" in run(home, "admin", "init")
    people = str(home / "people.csv")
    assert "2 would be taken in" in run(home, "admin", "import", people)
    assert "0 people" in run(home, "admin", "selfcheck")
    assert "2 taken in" in run(home, "admin", "import", people, "--apply")
    again = json.loads(run(home, "admin", "import", people, "--apply", "--json"))
    assert (again["taken"], again["known"]) == (0, 2)
    found = json.loads(run(home, "admin", "selfcheck", "--json"))
    assert (found["people"], found["values"], found["problems"]) == (2, 5, [])
    assert "epoch 2: 2 people moved" in run(home, "keys", "epoch")
    assert "whole" in run(home, "admin", "selfcheck")
    assert "tables" in run(home, "admin", "migrate")
    assert "accepted" in run(home, "admin", "clock")


def test_what_is_not_whole_is_told_and_the_exit_code_says_so(home: Path) -> None:
    """A changed row is named."""
    run(home, "admin", "init")
    run(home, "admin", "import", str(home / "people.csv"), "--apply")
    engine = open_database(f"sqlite:///{home}/provider.db")
    with writing(engine) as connection:
        connection.execute(text("UPDATE value SET origin = 'acme' WHERE field = 'name'"))
    engine.dispose()
    told = run(home, "admin", "selfcheck", expect=1)
    assert "`name` of person" in told
    assert "2 not whole" in told


@pytest.mark.parametrize(
    ("content", "message", "code"),
    [
        ("emial\na@b.org\n", "line 1: `emial` is not a field", "import"),
        ("name,email\nAnn\n", "line 2", "import"),
        ("name;email\nAnn;a@b.org\n", "line 1: `name;email` is not a field", "import"),
        ("na\u200bme\nAnn\n", r"line 1: `na\\u200bme` is not a field", "import"),
        ("name,name\nAnn,Bo\n", "line 1: `name` is there twice", "import"),
        ("name,card\nAnn,4111111111111111\n", "line 1: `card` is never taken", "import"),
        ("name,credentials\nAnn,secret\n", "line 1: `credentials` is never taken", "import"),
        ("name,messages\nAnn,hello\n", "line 1: `messages` is never taken", "import"),
        ("name,transaction\nAnn,1\n", "line 1: `transaction` is never taken", "import"),
        ("name,balance\nAnn,1\n", "line 1: `balance` is never taken", "import"),
        ("name,account-id\nAnn,1\n", "line 1: `account-id` is never taken", "import"),
        ("name\nAnn\nBo 4111 1111 1111 1111\n", "line 3: `name` cannot be taken in", "import"),
        ("name,birth-date\nAnn,2999-01-01\n", "line 2: `birth-date` cannot", "import"),
        ("name,phone\nAnn,555-0142\n", "line 2: `phone` cannot", "import"),
        ("name,phone\nAnn,4.25555E+09\n", "line 2: `phone` cannot", "import"),
        ("name,email\nAnn,ann@\n", "line 2: `email` cannot", "import"),
        ('email\n"a@b.org, c@b.org"\n', "line 2: `email` cannot", "import"),
        ('name\n\n"Ann\nLee"\n', "line 3: `name` cannot", "import"),
        ("name\nAnn\x00Lee\n", "line 2: `name` cannot", "import"),
        ("name\nAnn\u202eLee\n", "line 2: `name` cannot", "import"),
        ('name\n"=""Ann"""\n', "line 2: `name` is a formula", "import"),
        ("name\n#REF!\n", "line 2: `name` is a formula", "import"),
        ("name,zip\nAnn,8054\n", "line 2: `zip` has lost the zero", "import"),
        ("email\na@b.org\nA@b.org\n", "line 3: it has the e-mail address of line 2", "import"),
        (
            'address,email\n"1 Lane,a@b.org\n2 Lane,b@b.org\n3 Lane",c@b.org\n',
            "line 2: `address` goes on over other rows",
            "import",
        ),
        ("name,email\nAnn,a@b.org,more\n", "line 2", "import"),
        ("name,birth-date\nAnn,1990-01-02\nBo,2.1.1990\n", "line 3: `birth-date`", "import"),
        (b"name\n\xff\n", "line 2: it is not CSV in UTF-8", "import"),
        ('name\n"Ann\n', "it is not CSV", "import"),
    ],
)
def test_a_wrong_file_is_told_by_its_line_and_nobody_is_taken_in(
    empty_provider: Path, content: str | bytes, message: str, code: str
) -> None:
    """No value of the file is repeated."""
    path = empty_provider / "wrong.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UpheldError, match=message) as caught:
        run(empty_provider, "admin", "import", str(path), "--apply")
    assert caught.value.code == code
    assert "2.1.1990" not in str(caught.value)
    assert "0 people" in run(empty_provider, "admin", "selfcheck")


def test_a_file_of_a_spreadsheet_is_read_as_it_looks(home: Path) -> None:
    """A byte order mark, the other line ends, spaces, and a number without a country code."""
    run(home, "admin", "init")
    path = home / "sheet.csv"
    path.write_bytes("\ufeffname , phone\r\nAnn Lee ,(425) 555-0142\r\n\r\n".encode())
    assert "1 taken in" in run(home, "admin", "import", str(path), "--apply")
    for typed in ("(425) 555-0142", "+1 425 555 0142", "425.555.0142"):
        assert (
            len(json.loads(run(home, "person", "find", "--phone", typed, "--json"))["people"]) == 1
        )


def test_who_is_too_young_is_listed_and_not_taken_in(home: Path) -> None:
    """The others are; a child and a minor without a guardian are named by their lines."""
    run(home, "admin", "init")
    year = system_time().year
    path = home / "young.csv"
    path.write_text(
        f"name,birth-date\nAnn,1990-01-02\nKim,{year - 5}-01-01\nLee,{year - 15}-01-01\n"
    )
    said = run(home, "admin", "import", str(path), "--apply")
    assert "3 people: 1 taken in, 0 known already, 2 may not be served" in said
    assert "line 3: not to be served at that age: Our policy says no. #children" in said
    assert (
        "line 4: not to be served at that age: Our policy allows it only if your guardian" in said
    )
    assert not re.search(r"\bKim\b", said)
    assert "1 person, " in run(home, "admin", "selfcheck")


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ('databse = "x"\n', "settings"),
        ('database = "sqlite:///provider.db"\n', "settings"),
        ('database = "sqlite:///provider.db"\npolicy = "none.md"\nkeyring = "k"\n', "unreadable"),
    ],
)
def test_settings_that_lack_something_are_told(home: Path, settings: str, code: str) -> None:
    """With what to write."""
    (home / "upheld.toml").write_text(settings)
    with pytest.raises(UpheldError) as caught:
        run(home, "admin", "selfcheck")
    told = getattr(caught.value, "faults", None)
    assert code in {caught.value.code, *(fault.code for fault in told or ())}


def test_a_database_without_tables_is_not_looked_through(home: Path) -> None:
    """What must be done first is told, and a missing file is no empty database."""
    run(home, "admin", "init")
    (home / "provider.db").unlink()
    with pytest.raises(UpheldError, match="there is no ") as caught:
        run(home, "admin", "selfcheck")
    assert caught.value.code == "database-gone"
    assert not (home / "provider.db").exists()
    (home / "provider.db").touch(0o600)
    with pytest.raises(UpheldError) as caught:
        run(home, "admin", "selfcheck")
    assert caught.value.code == "schema"
    assert "upheld admin migrate" in caught.value.hint
    run(home, "admin", "migrate")
    assert "whole" in run(home, "admin", "selfcheck")


def test_the_entries_of_a_database_are_exported_verified_and_gone_on_with(home: Path) -> None:
    """A log that anyone can verify; a changed or missing entry is refused before it is signed."""
    log, key, public = str(home / "log"), str(home / "log.key"), home / "log.pub"
    run(home, "admin", "init")
    made = CliRunner().invoke(app, ["ledger", "keygen", "larch.example/acts", "--out", key])
    public.write_text(made.output)
    export = ["ledger", "export", "--out", log, "--signer", key]
    assert "1 entry" in run(home, *export)
    run(home, "admin", "import", str(home / "people.csv"), "--apply")
    assert "5 entries of larch.example/acts" in run(home, *export)
    told = CliRunner().invoke(app, ["ledger", "verify", log, "--key", str(public)])
    assert "ok: 5 entries" in told.output, told.output
    engine = open_database(f"sqlite:///{home}/provider.db")
    with writing(engine) as connection:
        connection.execute(text("DELETE FROM entry WHERE number = 2"))
    engine.dispose()
    with pytest.raises(UpheldError, match="entry 2 is missing or was changed"):
        run(home, *export)
    with pytest.raises(UpheldError, match="name a file of entries, or --settings"):
        CliRunner().invoke(app, export, catch_exceptions=False)
