"""Practices of other packages, found by the entry points that these declare.

A package brings a practice by one line of its pyproject.toml, among the entry points of the group
`upheld.practices`: the practice's name, and where the function lies that makes it. To install such
a package is to have the practice: its tables are made with upheld's own, and the provider serves
its pages.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NamedTuple

from upheld.core.errors import UpheldError

GROUP: Final = "upheld.practices"
NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,39}")


class PracticeError(UpheldError):
    """A practice of another package that cannot be taken."""


class InstalledPractice(NamedTuple):
    """A practice of another package: its name, the package, and where its function is named."""

    name: str
    package: str
    entry_point: EntryPoint

    def path(self, name: str) -> Path | None:
        """Where a file or folder of the package lies, without importing it; None for none."""
        spec = find_spec(self.package)
        folders = list(spec.submodule_search_locations or ()) if spec is not None else []
        path = Path(folders[0]) / name if folders else None
        return path if path is not None and path.exists() else None


@cache
def installed_practices() -> tuple[InstalledPractice, ...]:
    """The practices of other packages that are installed here, by name.

    PracticeError where two have one name, or a name is none.
    """
    practices: dict[str, InstalledPractice] = {}
    for entry_point in sorted(entry_points(group=GROUP)):
        name, package = entry_point.name, entry_point.module.rpartition(".")[0]
        if not NAME.fullmatch(name) or not package:
            raise PracticeError(
                f"the entry point `{name} = {entry_point.value}` does not name a practice",
                code="practice",
                hint="write `name = package.module:function`, the name in small letters",
            )
        if name in practices:
            raise PracticeError(
                f"two packages bring a practice `{name}`: {practices[name].package} and {package}",
                code="practice",
                hint="uninstall one of them",
            )
        practices[name] = InstalledPractice(name, package, entry_point)
    return tuple(practices.values())
