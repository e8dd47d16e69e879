"""Roles: for which purposes somebody may work, on which kinds of data, from whose queue.

They stand in a TOML file and not in the program. A word that the policy's vocabulary does not know
is an error when the provider starts, never a hole. A role without a task gives nothing.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Final

import msgspec

from upheld.core.errors import UpheldError, nearest
from upheld.core.files import read_file
from upheld.policy.program import Program
from upheld.policy.retelling import THEY, about_person
from upheld.policy.words import Words
from upheld.practice import operators

MANAGER: Final = operators.MANAGER
FILE = "roles.toml"
_ROOT = "personal-information"
Word = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9-]{0,60}$")]


class RoleError(UpheldError):
    """A file of roles that cannot be used, or a role that is not in it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, code="roles", hint=hint)


class Role(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one role works on: kinds of data by purpose, and whose tasks.

    One that may `watch` sees what in the database is not whole.
    """

    title: str
    may: Mapping[str, tuple[str, ...]] = {}
    queues: tuple[str, ...] = ()
    owed: tuple[str, ...] = ()
    watch: bool = False


class TicketReason(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a ticket is opened, and for which purpose."""

    title: str
    purpose: str


class _RolesFile(msgspec.Struct, forbid_unknown_fields=True):
    role: dict[Word, Role]
    reason: dict[Word, TicketReason] = {}


class Roles:
    """All roles of a provider, checked against its vocabulary."""

    def __init__(self, file: _RolesFile, program: Program) -> None:
        self.program, self.words = program, Words(program)
        self.by_name, self.reasons = file.role, file.reason
        self.fields = self._leaves((_ROOT,))
        for name, role in file.role.items():
            for purpose, kinds in role.may.items():
                self._check_word("purpose", purpose, f"role `{name}`")
                for kind in kinds:
                    self._check_word("data", kind, f"role `{name}`")
                if not kinds:
                    raise RoleError(
                        f"role `{name}` has no kind of data for `{purpose}`",
                        "leave the purpose out",
                    )
        for name, reason in file.reason.items():
            self._check_word("purpose", reason.purpose, f"reason `{name}`")

    def _check_word(self, tree: str, word: str, where: str) -> None:
        words = self.program.vocabulary.tree(tree)
        if word not in words:
            near = nearest(word, words)
            raise RoleError(
                f"{where}: `{word}` is no {tree} of the vocabulary",
                f"did you mean `{near}`?" if near else "docs/vocabulary.md lists the words",
            )

    def _leaves(self, kinds: Iterable[str]) -> tuple[str, ...]:
        leaves = (leaf for kind in kinds for leaf in self.words.under("data", kind))
        return tuple(dict.fromkeys(leaf for leaf in leaves if "/" not in leaf))

    def of(self, names: Sequence[str]) -> list[Role]:
        """The roles of somebody; one that is not in the file any more is none."""
        return [self.by_name[name] for name in names if name in self.by_name]

    def require(self, names: Iterable[str]) -> tuple[str, ...]:
        """Names of roles as somebody gave them; RoleError for one that is not in the file."""
        unique_names = tuple(dict.fromkeys(names))
        for name in unique_names:
            if name not in self.by_name:
                raise RoleError(
                    f"there is no role `{name}`", "choose one of " + ", ".join(self.by_name)
                )
        return unique_names

    def queues(self, names: Sequence[str]) -> list[str]:
        """Whose tasks wait for somebody with these roles."""
        queues = [
            queue
            for name in names
            if name in self.by_name
            for queue in (self.by_name[name].queues or (name,))
        ]
        return list(dict.fromkeys(queues))

    def covered_fields(self, names: Sequence[str], queue: str, purpose: str) -> tuple[str, ...]:
        """The fields that a task of a queue may need for its purpose, by somebody's roles."""
        kinds = [
            kind
            for name in names
            if name in self.by_name and queue in self.queues([name])
            for kind in self.by_name[name].may.get(purpose, ())
        ]
        return self._leaves(kinds)

    def reasons_of(self, names: Sequence[str]) -> dict[str, TicketReason]:
        """The reasons for which somebody with these roles may look a customer up."""
        return {
            word: reason for word, reason in self.reasons.items() if self.role_for(names, reason)
        }

    def role_for(self, names: Sequence[str], reason: TicketReason) -> str:
        """Which of somebody's roles works for a reason's purpose; none if none does."""
        mine = (name for name in names if name in self.by_name)
        return next((name for name in mine if reason.purpose in self.by_name[name].may), "")

    def others_for(self, queue: str, purpose: str) -> list[tuple[str, str]]:
        """Other queues whose role works for a purpose: each with the role's title."""
        return [
            (name, role.title)
            for name, role in self.by_name.items()
            if name != queue and purpose in role.may and name in self.queues([name])
        ]

    @property
    def watching(self) -> tuple[str, ...]:
        """Who sees what is not whole: managers do, and roles that say so."""
        return MANAGER, *(name for name, role in self.by_name.items() if role.watch)

    def label(self, tree: str, word: str) -> str:
        """What our staff call a word: what speaks to a customer, of the customer."""
        return about_person(self.words.term(tree, word), THEY)


def read_roles(path: Path | None, program: Program) -> Roles:
    """The roles of a file, or those that come with upheld; RoleError where they cannot be used."""
    if path is None:
        raw = (resources.files("upheld.practices.staff") / FILE).read_bytes()
    else:
        raw, _ = read_file(path)
    try:
        file = msgspec.convert(tomllib.loads(raw.decode()), _RolesFile)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        raise RoleError(
            f"{path or FILE} is not TOML in UTF-8",
            "compare it with roles.toml in upheld/practices/staff",
        ) from None
    except msgspec.ValidationError as error:
        raise RoleError(
            f"{path or FILE}: {error}", "compare it with roles.toml in upheld/practices/staff"
        ) from None
    return Roles(file, program)
