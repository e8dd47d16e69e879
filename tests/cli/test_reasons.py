"""Why somebody does something by a command: a reason that can be read, whichever command it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from cli.homes import provider_in
from upheld.cli import app
from upheld.core.errors import UpheldError

REASONS: Final = {"--because", "--why", "--reason"}
BY_MO: Final = ("--by", "mo")
ONE: Final = "0" * 32
COMMANDS: Final = {  # what else each is told
    "ad correct": ("1", "--dollars", "1", *BY_MO),
    "ad stop": (ONE, *BY_MO),
    "admin restore": ("no-such-file",),
    "agreement withdraw": (ONE, *BY_MO),
    "extract ask": ("age-range,gender", *BY_MO),
    "extract refuse": (ONE, *BY_MO),
    "ledger begin": (),
    "termination undo": (ONE, "--by", "tia"),
    "version accept-restored": (),
}
UNREADABLE: Final = [
    " \t\n",
    "\x00\x07",
    "\u200b\u2060",
    "\u3164 \u2800",
    "lost \u202eecnahc yb",
    "lost\x1b[2J",
    "lost\x9b2J",
    "very long " * 600,
]
IN_LINES: Final = {"extract ask", "termination undo"}  # what they ask for may have several lines


def commands_with_a_reason(group: Any, *words: str) -> Iterator[tuple[str, str]]:
    """Each command that takes a reason, as it is typed, and the option it takes it by."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands_with_a_reason(command, *words, name)
            continue
        for each in command.params:
            for option in REASONS & {*each.opts}:
                yield " ".join((*words, name)), option


OPTIONS: Final = dict(commands_with_a_reason(get_command(app)))


def test_each_command_that_takes_a_reason_is_tried_here() -> None:
    """None is left out of the test below."""
    assert OPTIONS.keys() == COMMANDS.keys()


@pytest.fixture(name="home", scope="module")
def _home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return provider_in(tmp_path_factory.mktemp("provider"), mo="manager", tia="terms")


@pytest.mark.parametrize("command", sorted(COMMANDS))
@pytest.mark.parametrize("text", UNREADABLE)
def test_no_command_takes_a_reason_that_nobody_could_read(
    home: Path, command: str, text: str
) -> None:
    """It is asked for one that can be read before anything else is looked at."""
    _is_asked_for_another(home, command, text)


@pytest.mark.parametrize("command", sorted(COMMANDS.keys() - IN_LINES))
@pytest.mark.parametrize("sign", ["\n", "\r", "\t", "\u2028", "\udcff"])
def test_no_command_takes_a_reason_that_is_not_one_line_of_text(
    home: Path, command: str, sign: str
) -> None:
    """Whoever reads a log of lines could take the second for one of its own; or is no UTF-8."""
    _is_asked_for_another(home, command, f"lost{sign}entry 7: all is well")


def _is_asked_for_another(home: Path, command: str, text: str) -> None:
    option, typed = OPTIONS[command], None
    if command == "termination undo":  # it reads a file
        typed, text = text, "-"
    words = [*command.split(), *COMMANDS[command], option, text]
    with pytest.raises(UpheldError) as error:
        CliRunner().invoke(
            app,
            [*words, "--settings", str(home / "upheld.toml")],
            input=typed,
            catch_exceptions=False,
        )
    assert "write one that can be read" in error.value.hint or "reads it: write at" in (
        error.value.hint
    )
