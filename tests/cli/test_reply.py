"""`upheld admin reply` on a provider's database: what it takes in, drops and refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.test_bounce import _settings as settings_fixture  # noqa: F401 - the fixture `settings`
from practices.test_help_mail import letter
from upheld.cli import app
from upheld.core.errors import UpheldError

OWN = "help@larch.example"


def test_replies_are_refused_where_none_are_expected(settings: Path) -> None:
    """Without the setting the command says which is missing."""
    with pytest.raises(UpheldError, match="no replies are taken in by mail"):
        CliRunner().invoke(
            app, ["admin", "reply", "-", "--settings", str(settings)], catch_exceptions=False
        )


def test_what_machines_send_is_dropped_and_strangers_are_refused(
    settings: Path, tmp_path: Path
) -> None:
    """The first is no error, so that no mail goes in rings; of the second nothing is said."""
    settings.write_text(settings.read_text() + f'help_address = "{OWN}"\n')
    words = ["admin", "reply", "--json", "--settings", str(settings)]
    automatic = letter(OWN, Auto_Submitted="auto-replied").as_bytes()
    done = CliRunner().invoke(app, [*words, "-"], input=automatic)
    assert (done.exit_code, json.loads(done.output)) == (0, {"reply": "dropped"})
    file = tmp_path / "mail"
    file.write_bytes(letter(f"help+{'a' * 42}@larch.example").as_bytes())
    for path in (file, tmp_path / "nowhere"):
        with pytest.raises(UpheldError) as error:
            CliRunner().invoke(app, [*words, str(path)], catch_exceptions=False)
        assert "marked.example" not in str(error.value)


@pytest.mark.parametrize("wrong", ["help", "a+b@larch.example", f"{'h' * 22}@larch.example"])
def test_an_address_that_takes_no_token_is_refused_at_the_start(settings: Path, wrong: str) -> None:
    """The setting's mistake is named when the settings are read."""
    settings.write_text(settings.read_text() + f'help_address = "{wrong}"\n')
    with pytest.raises(UpheldError, match="`help_address` cannot be used"):
        CliRunner().invoke(
            app, ["admin", "reply", "-", "--settings", str(settings)], catch_exceptions=False
        )
