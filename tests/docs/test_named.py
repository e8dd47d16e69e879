"""Commands that are named somewhere are there: in the documentation, in messages and on pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

from upheld.cli import app

ROOT = Path(__file__).resolve().parents[2]
INLINE = re.compile(r"(?<!`)`upheld ([a-z][^`]*)`(?!`)")
BLOCK = re.compile(r"^```(sh|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINES = {  # a console shows what is printed, too
    "sh": re.compile(r"^upheld (.*(?:\\\n.*)*)", re.MULTILINE),
    "console": re.compile(r"^\$ upheld (.*(?:\\\n.*)*)", re.MULTILINE),
}
ENDS = re.compile(r"\s[|>]|\s#|&&|;")  # of a command in a line of a shell
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")


def named() -> Iterator[tuple[Path, str]]:
    """Each command that is named, by the file that names it."""
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    for path in (*pages, *(ROOT / "src").rglob("*.py"), *(ROOT / "src").rglob("*.html")):
        text = path.read_text(encoding="utf-8")
        lines = [line for kind, block in BLOCK.findall(text) for line in LINES[kind].findall(block)]
        for each in (*INLINE.findall(text), *lines):
            yield path, ENDS.split(" ".join(each.replace("\\\n", " ").split()))[0]


def missing(words: list[str], command: Any) -> list[str]:
    """Which words of a command name no command and no option, from a group of commands on."""
    if words and hasattr(command, "commands"):
        names = words[0].strip(",…[]").split("|")
        if all(each in command.commands for each in names):
            return [word for each in names for word in missing(words[1:], command.commands[each])]
        # A group may stand alone, or take what is written in capitals as a command of its own does.
        return [] if not re.match("[a-z]", words[0]) else [words[0]]
    options = {"--help", *(o for each in command.params for o in each.opts + each.secondary_opts)}
    return [each for each in OPTION.findall(" ".join(words)) if each not in options]


def test_every_command_that_is_named_is_there_with_its_options() -> None:
    """Nobody is told to run what there is not, nor with an option that it does not take."""
    commands = get_command(app)
    count, wrong = 0, []
    for path, text in named():
        count += 1
        wrong += [
            f"{path.relative_to(ROOT)}: `upheld {text}`: {each}"
            for each in missing(text.split(), commands)
        ]
    assert wrong == []
    assert count > 500
