"""How commands speak: faults and answers, as lines for people or JSON for programs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import typer

from upheld.core.errors import PolicyError, UpheldError

if TYPE_CHECKING:
    from upheld.policy.load import Policy

POLICY = typer.Argument(help="A policy: a Markdown file, or one that `upheld compile` wrote.")
POLICIES = typer.Argument(None, help="Policies in Markdown, one or several.")
JSON = typer.Option(False, "--json", help="Answer in JSON.")


def unreadable_error(path: Path, error: OSError) -> UpheldError:
    """What to raise for a file that cannot be read."""
    return UpheldError(
        f"{path} cannot be read: {error.strerror}",
        code="unreadable",
        hint="name a file that is there",
    )


def print_json(value: object) -> None:
    """Print one JSON document, indented."""
    try:
        text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    except UnicodeEncodeError:  # a file name that is no text
        text = json.dumps(msgspec.to_builtins(value), indent=2)
    sys.stdout.write(text + "\n")


def faults_as_json(error: PolicyError) -> list[dict[str, object]]:
    """Faults as plain data."""
    faults: list[dict[str, object]] = msgspec.to_builtins(error.faults)
    return list(faults)


def complain(error: UpheldError, *, as_json: bool) -> None:
    """Tell what is wrong, and what to do."""
    if as_json and isinstance(error, PolicyError):
        print_json({"ok": False, "faults": faults_as_json(error)})
    elif as_json:
        print_json({"ok": False, "code": error.code, "message": str(error), "hint": error.hint})
    else:
        hint = f"\n  {error.hint}" if error.hint else ""
        sys.stderr.write(f"{error}{hint}\n")


def loaded(path: Path, *, as_json: bool = False) -> Policy:
    """Load a policy, or tell every fault of it and leave with 2."""
    import upheld

    try:
        return upheld.load(path)
    except PolicyError as error:
        complain(error, as_json=as_json)
        raise typer.Exit(2) from None


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; UpheldError where it cannot be written."""
    import os
    import tempfile

    path = path.resolve()  # what a link leads to, so that the link stays
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        Path(name).chmod(mode)
        Path(name).replace(path)
    except OSError as error:
        raise UpheldError(
            f"{path} cannot be written: {error.strerror}",
            code="unwritable",
            hint="choose another path",
        ) from None
