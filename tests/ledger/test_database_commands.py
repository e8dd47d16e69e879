"""`upheld ledger … --settings` and `upheld jobs`: a provider's own ledger on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner, Result

import upheld
from empty import lay_tables
from ledger.logs import ORIGIN
from upheld.cli import app
from upheld.core.errors import UpheldError
from upheld.database.engines import open_database
from upheld.database.rows import delete, insert
from upheld.database.tables import item
from upheld.database.transaction import writing
from upheld.demo import sample_policy
from upheld.gate.gate import Gate
from upheld.ledger.entries import Entry, commitment, encode
from upheld.ledger.note import WITNESS
from upheld.ledger.signers import FileSigner
from upheld.vault.keyring import Keyring, Passphrase

TIME = "2026-01-01T00:00:00.000000Z"


class Provider:
    """A provider's settings, and commands about them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "passphrase").write_text("seven plain words in a row")
        (folder / "passphrase").chmod(0o600)
        self.key = FileSigner.create(folder / "log.key", ORIGIN).key
        (folder / "upheld.toml").write_text(
            'database = "sqlite:///provider.db"\nkeyring = "keyring"\nlog_key = "log.key"\n'
            f'passphrase_file = "passphrase"\npolicy = "{sample_policy()}"\n'
        )
        (folder / "people.csv").write_text("name,age-range\nAnn,30 to 39\nBo,30 to 39\n")
        lay_tables(folder / "provider.db")
        self.run("admin", "init")
        self.run("admin", "import", str(folder / "people.csv"), "--apply")

    def run(self, *words: str) -> Result:
        """Run a command with the settings."""
        return CliRunner().invoke(app, [*words, "--settings", str(self.folder / "upheld.toml")])

    def change(self, statement: str) -> None:
        """Change the database past everything that guards it."""
        engine = open_database(f"sqlite:///{self.folder}/provider.db")
        with writing(engine) as connection:
            connection.execute(text(statement))
        engine.dispose()


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Provider:
    """A provider with two people, whose age range no clause lets it keep: five entries in all."""
    return Provider(tmp_path_factory.mktemp("provider"))


def test_jobs_cover_and_the_ledger_is_verified_proven_and_told(
    provider: Provider, tmp_path: Path
) -> None:
    """From the database to receipts that the public key alone verifies."""
    done = json.loads(provider.run("jobs", "--once", "--json").stdout)
    assert done["leading"]
    assert [each["did"] for each in done["done"] if each["name"] == "cover"] == [5]
    found = provider.run("ledger", "verify", "--key", str(provider.key), "--json")
    assert (found.exit_code, json.loads(found.stdout)["covered"]) == (0, 5)
    note = provider.run("ledger", "checkpoint", "--key", str(provider.key)).stdout
    assert note.startswith(f"{ORIGIN}\n5\n")
    (tmp_path / "kept").write_text(note)
    assert provider.run("ledger", "verify", "--since", str(tmp_path / "kept")).exit_code == 0
    made = provider.run("ledger", "prove", "2").stdout
    (tmp_path / "receipt").write_text(made)
    words = ["ledger", "verify", str(tmp_path / "receipt"), "--key", str(provider.key)]
    assert CliRunner().invoke(app, words).exit_code == 0
    told = provider.run("ledger", "account", "--violations").stdout
    assert "no clause allowed it" in told
    assert "2 entries" in told
    line = json.loads(provider.run("ledger", "account", "--json").stdout.splitlines()[0])
    assert line["receipt"]["index"] == 0
    assert provider.run(
        "ledger", "account", "--from", "2000-01-01", "--to", "2000-12-31"
    ).stdout == ("0 entries\n")


def test_the_items_are_listed(provider: Provider) -> None:
    """What is open is shown with its person, and 1 says that something is late."""
    keyring = Keyring.open(provider.folder / "keyring", Passphrase("seven plain words in a row"))
    engine = open_database(f"sqlite:///{provider.folder}/provider.db")
    whose = Gate(engine, upheld.load(sample_policy()), keyring).enrol()
    with writing(engine) as connection:
        insert(
            connection,
            item,
            person_id=whose,
            item_id="b",
            kind="owed",
            clause="access",
            due=1,
            state="late",
            entry=1,
            action="answer-access",
            basis="",
        )
    found = provider.run("jobs", "--list")
    assert found.exit_code == 1
    assert "late: answer-access by #access, due 1970-01-01 00:00" in found.stdout
    assert f"person {whose}, entry 1" in found.stdout
    assert json.loads(provider.run("jobs", "--list", "--json").stdout)["late"] == 1
    with writing(engine) as connection:
        delete(connection, item, "item_id = 'b'")
    engine.dispose()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("ledger", "prove", "x"), "not the number"),
        (("ledger", "prove", "9"), "there is no entry 9"),
        (("ledger", "prove", "1", "1"), "the number of an entry alone"),
        (("ledger", "verify", "folder"), "takes no folder"),
        (("ledger", "checkpoint", "folder"), "takes no folder"),
        (("ledger", "account", "--from", "soon"), "soon is not a day"),
    ],
)
def test_wrong_use_is_told(provider: Provider, words: tuple[str, ...], said: str) -> None:
    """What cannot be asked is an error that says why."""
    found = provider.run(*words)
    assert isinstance(found.exception, UpheldError)
    assert said in str(found.exception)


@pytest.mark.parametrize("words", [("verify",), ("prove", "folder"), ("checkpoint",)])
def test_without_settings_the_files_are_asked_for(words: tuple[str, ...]) -> None:
    """An export and its key, or the settings of a provider: one of the two."""
    found = CliRunner().invoke(app, ["ledger", *words])
    assert isinstance(found.exception, UpheldError)
    assert found.exception.code == "usage"


def test_a_changed_entry_is_named_and_a_failing_job_is_told(tmp_path: Path) -> None:
    """Exit code 1 for both, with what is wrong."""
    provider = Provider(tmp_path)
    provider.run("jobs", "--once")
    provider.change("UPDATE entry SET salt = leaf WHERE number = 3")
    provider.change("UPDATE checkpoint SET root = zeroblob(32)")
    found = provider.run("ledger", "verify")
    assert found.exit_code == 1
    assert "entry 3" in found.stdout
    provider.run("admin", "import", str(tmp_path / "people.csv"), "--apply")
    done = provider.run("jobs", "--once")
    assert done.exit_code == 1
    assert "cover: the log is not as it was signed" in done.stdout


def test_the_witness_refuses_what_a_rewritten_database_exports(tmp_path: Path) -> None:
    """Whoever has the log's key and the database can sign another history; not to who saw it."""
    provider = Provider(tmp_path)
    own, state = FileSigner.create(tmp_path / "witness.key", "witness.example"), tmp_path / "state"
    key = str(provider.key)

    def ledger(*words: str) -> Result:
        return CliRunner().invoke(app, ["ledger", *words])

    def exported(name: str) -> str:
        out = str(tmp_path / name)
        made = provider.run("ledger", "export", "--out", out, "--signer", str(tmp_path / "log.key"))
        assert made.exit_code == 0, made.output
        return out

    def cosigned(folder: str) -> Result:
        return ledger(
            "witness",
            folder,
            "--key",
            key,
            "--witness-key",
            str(tmp_path / "witness.key"),
            "--state",
            str(state),
        )

    assert own.name == "witness.example"
    provider.run("jobs", "--once")
    assert cosigned(exported("one")).exit_code == 0
    (tmp_path / "kept").write_text(provider.run("ledger", "checkpoint").stdout)
    salt, body = bytes(24), encode(Entry(kind="note", time=TIME, action="other"))
    provider.change("DELETE FROM tile")
    provider.change("DELETE FROM checkpoint")
    provider.change(
        f"UPDATE entry SET salt = x'{salt.hex()}', body = x'{body.hex()}',"
        f" leaf = x'{commitment(salt, body).hex()}' WHERE number = 2"
    )
    provider.run("jobs", "--once")
    forked = exported("two")
    assert ledger("verify", forked, "--key", key).exit_code == 0  # in itself it is whole
    refused = cosigned(forked)
    assert refused.exit_code == 1
    assert "the log has two roots at size" in refused.output
    found = provider.run("ledger", "verify", "--since", str(tmp_path / "kept"))
    assert found.exit_code == 1
    assert "of the earlier checkpoint changed" in found.stdout


def test_a_draft_is_asked_of_recorded_acts(provider: Provider) -> None:
    """`upheld replay DRAFT --ledger` tells what it would have decided otherwise; facts stay in."""
    found = provider.run("replay", str(sample_policy()), "--ledger")
    assert found.exit_code == 0
    assert "0 recorded acts" in found.stdout
    assert json.loads(provider.run("replay", str(sample_policy()), "--ledger", "--json").stdout)
    for words in (("--ledger", "--requests", "x"), ()):
        wrong = CliRunner().invoke(app, ["replay", str(sample_policy()), *words])
        assert isinstance(wrong.exception, UpheldError)


def test_a_database_that_came_back_goes_on_under_another_name(tmp_path: Path) -> None:
    """Backed up, lost, restored: the old log's name is refused, a new one covers all of it."""
    provider = Provider(tmp_path)
    assert provider.run("jobs", "--once").exit_code == 0
    note = tmp_path / "published"
    note.write_text(provider.run("ledger", "checkpoint", "--key", str(provider.key)).stdout)
    kept = str(tmp_path / "monday.backup")
    assert provider.run("admin", "backup", "--out", kept).exit_code == 0
    for path in tmp_path.glob("provider.db*"):
        path.unlink()
    told = provider.run("admin", "restore", kept, "--published", str(note))
    assert (told.exit_code, "whole" in told.stdout) == (0, True), told.output
    done = json.loads(provider.run("jobs", "--once", "--json").stdout)["done"]
    assert [each["failed"] for each in done if each["name"] == "cover"] == ["log"]
    old = json.loads(provider.run("ledger", "verify", "--key", str(provider.key), "--json").stdout)
    assert (old["ok"], old["covered"]) == (True, 5)
    assert old["entries"] > 5

    other = FileSigner.create(tmp_path / "other.key", f"{ORIGIN}/again").key
    settings = tmp_path / "upheld.toml"
    settings.write_text(settings.read_text().replace("log.key", "other.key"))
    assert provider.run("jobs", "--once").exit_code == 0
    found = json.loads(provider.run("ledger", "verify", "--key", str(other), "--json").stdout)
    assert found["ok"]
    assert found["covered"] == found["entries"]
    made = provider.run("ledger", "prove", str(found["entries"])).stdout
    (tmp_path / "receipt").write_text(made)
    words = ["ledger", "verify", str(tmp_path / "receipt"), "--key", str(other)]
    assert CliRunner().invoke(app, words).exit_code == 0


def test_a_log_that_was_cut_is_gone_on_with_by_a_command(tmp_path: Path) -> None:
    """Commands that act are refused in words, and begin again once somebody says why."""
    provider = Provider(tmp_path)
    for _ in range(2):
        assert provider.run("admin", "clock").exit_code == 0
    assert provider.run("jobs", "--once").exit_code == 0
    count = json.loads(provider.run("ledger", "verify", "--json").stdout)["covered"]
    provider.change(f"DELETE FROM entry WHERE number >= {count}")
    refused = provider.run("admin", "clock")
    assert isinstance(refused.exception, UpheldError)
    assert refused.exception.code == "log-changed"
    done = provider.run("jobs", "--once")
    assert done.exit_code == 1
    assert "cover: the log is not as it was signed" in done.stdout
    begun = provider.run("ledger", "begin", "--because", "the disk lost its end")
    assert begun.exit_code == 0
    assert f"entry {count + 1}" in begun.stdout
    FileSigner.create(tmp_path / "other.key", f"{ORIGIN}/again")
    settings = tmp_path / "upheld.toml"
    settings.write_text(settings.read_text().replace("log.key", "other.key"))
    done = provider.run("jobs", "--once")
    assert "cover: 1 done" in done.stdout
    assert "self-check: 2 things are not whole" in done.stdout  # whose entries the disk lost
    assert provider.run("admin", "clock").exit_code == 0
    assert "removed" in provider.run("ledger", "verify", "--json").stdout


def test_a_witness_cosigns_an_export_and_its_cosignature_is_kept(provider: Provider) -> None:
    """`cosign` keeps it, once; `verify` asks for it, an unknown witness is refused."""
    folder = provider.folder
    cosigner = FileSigner.create(folder / "w.key", "witness.example/w1", WITNESS)
    provider.run("jobs", "--once")
    log = folder / "cosigned-log"
    export = ("ledger", "export", "--out", str(log), "--signer", str(folder / "log.key"))
    assert provider.run(*export).exit_code == 0
    made = CliRunner().invoke(
        app,
        [
            "ledger",
            "witness",
            str(log),
            "--key",
            str(provider.key),
            "--witness-key",
            str(folder / "w.key"),
            "--state",
            str(folder / "w.state"),
            "--out",
            str(folder / "note"),
        ],
    )
    assert made.exit_code == 0, made.output
    missing = provider.run("ledger", "verify", "--witness", str(cosigner.key))
    assert "none of witness.example/w1 is kept" in missing.output
    words = ("ledger", "cosign", str(folder / "note"), "--witness", str(cosigner.key))
    assert "cosigned by witness.example/w1" in provider.run(*words).output
    again = provider.run(*words, "--json")
    assert json.loads(again.output)["kept"] == []
    assert "none of" not in provider.run("ledger", "verify", "--witness", str(cosigner.key)).output
    other = FileSigner.create(folder / "w2.key", "witness.example/w2", WITNESS)
    wrong = provider.run("ledger", "cosign", str(folder / "note"), "--witness", str(other.key))
    assert wrong.exit_code != 0
    assert "not signed by" in str(wrong.exception or wrong.output)
