"""`upheld admin bounce` on a provider's database: a report is noted, anything else is refused."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from practices.test_mail_desk import report
from upheld.cli import app
from upheld.cli.admin import gate_of
from upheld.core.errors import UpheldError
from upheld.core.settings import read_settings
from upheld.database import rows as database
from upheld.demo import sample_policy
from upheld.practice.tables import outbox


@pytest.fixture(name="settings")
def _settings(tmp_path: Path) -> Path:
    """The settings of a provider whose database was made."""
    (tmp_path / "master").write_bytes(os.urandom(32))
    (tmp_path / "master").chmod(stat.S_IRUSR | stat.S_IWUSR)
    path = tmp_path / "upheld.toml"
    path.write_text(
        f'database = "sqlite:///provider.db"\nkeyring = "keyring"\npolicy = "{sample_policy()}"\n'
        'key_file = "master"\n'
    )
    done = CliRunner().invoke(app, ["admin", "init", "--settings", str(path)])
    assert done.exit_code == 0, done.output
    return path


def test_a_report_is_noted_once_from_a_file_or_a_pipe(settings: Path) -> None:
    """The command names the message and the status; the same report again is refused."""
    message, gate = "c" * 32, gate_of(read_settings(settings))
    with gate.together() as transaction:
        person = transaction.enrol()
        database.insert(
            transaction.connection,
            outbox,
            person_id=person,
            message_id=message,
            template="accounts/changed",
            purpose="administrative-message",
            words="{}",
            entry=1,
            made=1,
            tries=1,
            state="sent",
            trouble="",
            ended=1,
        )
    gate.engine.dispose()
    words = ["admin", "bounce", "-", "--json", "--settings", str(settings)]
    done = CliRunner().invoke(app, words, input=report(message))
    assert json.loads(done.stdout) == {"message": message, "status": "5.1.1"}
    (settings.parent / "report").write_bytes(report(message))
    with pytest.raises(UpheldError, match="no message that we sent"):
        CliRunner().invoke(
            app,
            ["admin", "bounce", str(settings.parent / "report"), "--settings", str(settings)],
            catch_exceptions=False,
        )
    with pytest.raises(UpheldError, match="cannot be read"):
        CliRunner().invoke(
            app, ["admin", "bounce", str(settings.parent / "none")], catch_exceptions=False
        )
