"""Each command that reads a provider's database and changes nothing, as two copies of one run it.

What takes no settings knows of no provider, and what somebody signs with `--by` changes something.
The rest is compared, or stands here with why not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from cheap import build_commands_once, read_the_sample_once
from practices.twins import MADE_UP, Twin
from upheld.cli import app
from upheld.core import clock
from upheld.core.errors import UpheldError
from upheld.demo import sample_policy

CHANGES: Final = "it changes what is there"
WHOLE_LOG: Final = "it reads the log as files, for whoever has the database and the keys"
APART: Final = {
    "legal list": "it is the legal desk's, which sees what is silent",
    "version reach": "it needs a draft: tests/cli/test_version.py compares what it counts",
    **dict.fromkeys(("ledger verify", "ledger prove", "ledger checkpoint"), WHOLE_LOG),
    **dict.fromkeys(("ledger export", "ledger cosign", "ledger begin"), WHOLE_LOG),
    **dict.fromkeys(
        (
            *("admin init", "admin migrate", "admin import", "admin clock", "admin backup"),
            *("admin restore", "admin bounce", "admin reply", "keys epoch", "collect logs"),
            *("incident count", "person erase", "ad report", "ad invoice", "staff add"),
            *("staff agent", "staff renew", "staff end", "version accept-restored"),
            *("version agreement", "version notice", "version approval"),
        ),
        CHANGES,
    ),
}
# How each of the others is run: more than once where its answers differ in kind.
# Of `ledger account` the one without a person is for whoever has the database and the keys.
COMPARED: Final[Mapping[str, tuple[str, ...]]] = {
    "check": ("",),
    "replay": ("{policy} --ledger",),
    "jobs": ("--list", "--dry-run", "--dry-run --json"),
    "transparency": ("", "--csv", "--json"),
    "safeguards": ("", "--json"),
    "admin selfcheck": ("",),
    "agreement statement": ("{agreement}",),
    "agreement clients": ("",),
    "agreement list": ("",),
    "beacon list": ("",),
    "delivery list": ("", "--party {party} --json"),
    "incident show": ("{incident} --json",),
    "incident list": ("",),
    "ledger account": ("--person {ann}", "--person {ann} --csv", "--person {child}"),
    "ledger counts": ("",),
    "takeover list": ("",),
    "feed list": ("",),
    "feed licence list": ("",),
    "feed licence show": ("1",),
    "party list": ("--all --json",),
    "party show": ("{party}",),
    "party requests": ("", "{party} --json"),
    "party request": ("0",),
    "party csv": ("",),
    "person find": ("--email ada@crawled.example",),
    "person show": ("{ann}", "{ann} --json", "{child}"),
    "person certificate": ("{ann}",),
    "programme list": ("",),
    "article list": ("",),
    "extract list": ("",),
    "report list": ("",),
    "report show": ("{report}",),
    "report budget": ("",),
    "ad list": ("",),
    "ad bill": ("2026-02",),
    "staff list": ("",),
    "termination list": ("",),
    "terms list": ("",),
    "version status": ("",),
    "version list": ("",),
    "version bound": ("{ann}", "{child}"),
}


# What is told of people, and of what waits for them, otherwise once somebody is erased.
OF_PEOPLE: Final = (
    *("jobs", "ledger account", "person find", "person show", "person certificate"),
    *("party requests", "version bound"),
)


def commands_that_read() -> set[str]:
    """The commands that are given settings, and that nobody signs."""

    def walk(command: Any, words: tuple[str, ...]) -> Iterator[str]:
        if hasattr(command, "commands"):
            for name, each in command.commands.items():
                yield from walk(each, (*words, name))
        elif "settings" in (names := {each.name for each in command.params}) and "by" not in names:
            yield " ".join(words)

    return {*walk(get_command(app), ())}


def answers_of(twin: Twin, *names: str) -> dict[str, list[str]]:
    """What each command says at a copy, by its words, but for what is made up for each run.

    Or some commands alone.
    """
    folder, answers = twin.folder, dict[str, list[str]]()
    settings = folder / "upheld.toml"
    file = {
        "database": f"sqlite:///{folder}/upheld.db",
        "keyring": str(folder / "keyring"),
        "key_file": str(folder / "master"),
        "policy": str(sample_policy()),
        "agreement": str(folder / "terms.md"),
    }
    settings.write_text("".join(f"{name} = {json.dumps(each)}\n" for name, each in file.items()))
    world = twin.world
    words = {
        "policy": str(sample_policy()),
        "ann": world.ann,
        "child": world.child,
        "incident": world.incident,
        "party": world.outside.party,
        "agreement": world.outside.agreement,
        "report": world.outside.report,
    }
    with pytest.MonkeyPatch.context() as patch:
        build_commands_once(patch)
        read_the_sample_once(patch)
        patch.setattr(clock, "Clock", lambda *_, **__: world.house.clock)
        for name in names or COMPARED:
            for way in COMPARED[name]:
                command = f"{name} {way}".format(**words).split()
                done = CliRunner().invoke(app, [*command, "--settings", str(settings)])
                expected = (SystemExit, UpheldError, type(None))
                assert isinstance(done.exception, expected), (command, done.exception)
                text = f"{done.exit_code}\n{done.output}{done.exception}".replace(str(folder), "")
                answers[f"{name} {way}"] = MADE_UP.sub("…", text).splitlines()
    return answers
