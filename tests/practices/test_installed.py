"""A practice of another package: installing it is all that is done, and nothing else is touched."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from upheld.demo import sample_policy

FILES = {
    "wishes/__init__.py": '"""Wishes."""\n',
    "wishes/practice.py": """
from upheld.practice.plugin import Practice

def practice(provider):
    return Practice("wishes", announces=("wishes-written",))
""",
    "wishes/tables.py": """
from sqlalchemy import Column, LargeBinary, Table
from upheld.database.columns import GO, ID, Instant, metadata, sealed

wish = Table(
    "wish", metadata,
    Column("person_id", ID, primary_key=True, info=GO), Column("at", Instant, nullable=False),
    Column("mac", LargeBinary), info=sealed(owner="person_id"),
)
""",
    "wishes/migrations/wishes_1.py": """
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels = "wishes_1", None, ("wishes",)

def upgrade():
    op.create_table(
        "wish", sa.Column("person_id", sa.String(32), primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False), sa.Column("mac", sa.LargeBinary),
    )
""",
    "wishes-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: wishes\nVersion: 1\n",
}
WRITE = """
import sys
from pathlib import Path
from upheld.cli.admin import gate_of
from upheld.core.settings import read_settings
from upheld.database.columns import microseconds
from upheld.database.schema import declared_tables

declared_tables()
from wishes.tables import wish

gate = gate_of(read_settings(Path(sys.argv[1])))
with gate.together() as transaction:
    person = transaction.enrol()
    transaction.tables.insert(wish, person_id=person, at=microseconds(gate.clock.now()))
"""


def install(
    home: Path, package: str = "wishes", *, name: str = "wishes", make: str = "practice"
) -> None:
    """Lay a package down as an installer does."""
    for path, text in FILES.items():
        target = home / path.replace("wishes", package)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text.replace("Name: wishes", f"Name: {package}"))
    entry = f"[upheld.practices]\n{name} = {package}.practice:{make}\n"
    (home / f"{package}-1.dist-info/entry_points.txt").write_text(entry)


class Provider:
    """A provider's folder, whose commands run with the packages of another folder or without."""

    def __init__(self, home: Path, database: str) -> None:
        self.home, self.packages = home, home / "packages"
        (home / "passphrase").write_text("seven plain words in a row")
        (home / "passphrase").chmod(0o600)
        self.settings(database)

    def settings(self, database: str) -> None:
        """Name a database."""
        (self.home / "upheld.toml").write_text(
            f'database = "{database}"\nkeyring = "keyring"\npassphrase_file = "passphrase"\n'
            f'policy = "{sample_policy()}"\nurl = "http://127.0.0.1:9"\n'
        )
        (self.home / "upheld.toml").chmod(0o600)

    def python(self, *words: str, installed: bool = True) -> tuple[int, str]:
        """Run Python in the folder; its exit status, and all that it said."""
        there = {"PYTHONPATH": str(self.packages)} if installed else {}
        ended = subprocess.run(
            [sys.executable, *words],
            cwd=self.home,
            env={**os.environ, "COLUMNS": "200", **there},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        return ended.returncode, ended.stdout + ended.stderr

    def upheld(self, *words: str, installed: bool = True) -> tuple[int, str]:
        """Run a command of upheld with the folder's settings."""
        named = [*words, "--settings", "upheld.toml"]
        return self.python("-m", "upheld", *named, installed=installed)


@pytest.fixture
def provider(tmp_path: Path, database_url: str) -> Provider:
    """A provider that has been there for a while, without the practice."""
    provider = Provider(tmp_path, database_url)
    status, text = provider.upheld("admin", "init", installed=False)
    assert status == 0, text
    return provider


def test_an_older_database_gets_the_tables_of_a_practice_and_keeps_them(
    provider: Provider, tmp_path: Path
) -> None:
    """Made by `migrate`, marked from the first row on, backed up, and restored elsewhere."""
    install(provider.packages)
    status, text = provider.upheld("admin", "selfcheck")
    assert status != 0
    assert "upheld admin migrate" in text
    for words in (("migrate",), ("selfcheck",)):
        status, text = provider.upheld("admin", *words)
        assert status == 0, text
    (provider.home / "write.py").write_text(WRITE)
    status, text = provider.python("write.py", "upheld.toml")
    assert status == 0, text
    status, text = provider.upheld("admin", "backup", "--out", "one.backup")
    assert status == 0, text
    provider.settings(f"sqlite:///{tmp_path}/restored.db")
    for command in (("restore", "one.backup"), ("selfcheck",)):
        status, text = provider.upheld("admin", *command)
        assert status == 0, text


def test_without_its_package_a_database_with_its_tables_is_not_opened(provider: Provider) -> None:
    """Nobody acts on a database of which a part is unknown; the message says what is missing."""
    install(provider.packages)
    assert provider.upheld("admin", "migrate")[0] == 0
    status, text = provider.upheld("admin", "selfcheck", installed=False)
    assert status != 0
    assert "a practice that is not installed (wishes_1)" in text
    assert "Traceback" not in text


@pytest.mark.parametrize(
    ("package", "name", "make", "message"),
    [
        ("other", "wishes", "practice", "two packages bring a practice `wishes`"),
        ("other", "billing", "practice", "which upheld has itself"),
        ("other", "Other Wishes", "practice", "does not name a practice"),
        ("other", "other", "missing", "cannot be loaded"),
    ],
)
def test_a_practice_that_cannot_be_taken_is_an_answer(
    tmp_path: Path, package: str, name: str, make: str, message: str
) -> None:
    """A name that is taken or none, and a function that is not there, stop the provider's start."""
    provider = Provider(tmp_path, f"sqlite:///{tmp_path}/upheld.db")
    install(provider.packages)
    assert provider.upheld("admin", "init")[0] == 0
    install(provider.packages, package, name=name, make=make)
    (provider.packages / package / "tables.py").unlink()
    (provider.packages / package / "migrations" / f"{package}_1.py").unlink()
    status, text = provider.upheld("run", "--port", "0")
    assert status != 0
    assert message in text
    assert "Traceback" not in text


def test_an_event_or_a_kind_of_entry_of_two_practices_is_refused() -> None:
    """Whoever listens or reads could not tell whose it is."""
    from upheld.core.errors import UpheldError
    from upheld.gate.log.sentences import add_sentences
    from upheld.practice.events import EventError, Events

    events = Events()
    events.declare("wishes-written")
    with pytest.raises(EventError):
        events.declare("wishes-written")
    with pytest.raises(EventError, match="no event"):
        events.subscribe("wishes-red", lambda *_: None)
    add_sentences({"wish-of-a-test": "{whose} wish"})
    add_sentences({"wish-of-a-test": "{whose} wish"})
    for kind in ("wish-of-a-test", "payment"):
        with pytest.raises(UpheldError, match="a sentence already"):
            add_sentences({kind: "something else"})
    for text in ("{actor} did {this}", "{0} did it", "{actor did it"):
        with pytest.raises(UpheldError, match="cannot be filled in"):
            add_sentences({"another-wish-of-a-test": text})
