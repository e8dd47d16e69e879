"""The documentation is run: commands answer as it shows, code works, tables are complete."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.warm import PAGE_PYTHON, warm_program
from upheld.policy.read_vocabulary import builtin_names

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
BLOCK = re.compile(r"^(`{3,})(\w+)(?: file=(\S+))?\n(.*?)^\1$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r'code="([a-z-]+)"|Mistake\([^)]*?code="([a-z-]+)"')


def shown(text: str) -> list[tuple[str, str]]:
    """Commands of a console block with the output that it shows."""
    found = []
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        found.append((command, output))
    return found


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What PATH says where the documentation's commands run."""
    with warm_program(tmp_path_factory.mktemp("warm")) as folder:
        places = (str(folder), str(Path(sys.executable).parent), os.environ["PATH"])
        yield os.pathsep.join(places)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_does_what_it_shows(page: Path, programs: str, tmp_path: Path) -> None:
    """Each command prints what the page says it prints, and each piece of Python runs."""
    # A how-to begins in a new folder and makes all that it uses; the rest is read in a clone.
    if page.parent.name != "how-to":
        shutil.copytree(ROOT / "policies", tmp_path / "policies")
    environment = {**os.environ, "PATH": programs, "COLUMNS": "200"}
    for _, kind, name, body in BLOCK.findall(page.read_text(encoding="utf-8")):
        if name:
            target = tmp_path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(body, encoding="utf-8")
        elif kind == "console":
            for command, output in shown(body):
                if command.startswith("export "):  # holds of all that comes after it
                    pairs = (each.split("=", 1) for each in command.removeprefix("export ").split())
                    environment |= dict(pairs)
                    continue
                done = subprocess.run(  # noqa: S602 - our own documentation, with its pipes
                    command,
                    shell=True,
                    cwd=tmp_path,
                    env=environment,
                    text=True,
                    check=False,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                )
                assert done.stdout == output, command
        elif kind == "python":
            python = [f"{programs.partition(os.pathsep)[0]}/{PAGE_PYTHON}", body]
            subprocess.run(python, cwd=tmp_path, env=environment, check=True)


def test_every_error_code_is_documented_and_every_documented_one_exists() -> None:
    """The tables have every code of the core, and may have those of a practice's command."""
    parts = ("api", "cli", "core", "database", "ledger", "gate", "policy", "vault")
    everything = {path: path.read_text() for path in (ROOT / "src/upheld").rglob("*.py")}
    source = "\n".join(
        text
        for path, text in everything.items()
        if path.relative_to(ROOT / "src/upheld").parts[0] in parts
    )
    text = "\n".join((ROOT / "docs" / name).read_text() for name in ("language.md", "commands.md"))
    tables = re.findall(r"^\| code.*\n\|[ -|]*\n((?:\|.*\n)+)", text, re.MULTILINE)
    listed = re.findall(r"^\| `([a-z-]+)` \|", "".join(tables), re.MULTILINE)
    whole = "\n".join(everything.values())
    assert {word for word in listed if f'"{word}"' not in whole} == set()
    used = {first for match in CODE.findall(source) for first in match if first}
    assert used - set(listed) - {"policy", "question"} == set()
    assert len(used) > 20


def test_every_builtin_vocabulary_is_documented() -> None:
    """Whoever writes `vocabulary:` finds the names that can stand there."""
    text = (ROOT / "docs/vocabulary.md").read_text()
    assert [name for name in builtin_names() if f"`{name}`" not in text] == []


def test_every_command_is_documented() -> None:
    """Each verb of the command line stands in the reference of commands."""
    from typer.main import get_command

    from upheld.cli import app

    names = set(getattr(get_command(app), "commands", {}))
    text = (ROOT / "docs/commands.md").read_text()
    assert {name for name in names if f"## {name}" not in text} == set()
    assert len(names) >= 8
