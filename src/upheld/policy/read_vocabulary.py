"""Vocabularies read from TOML, every mistake at once.

A vocabulary extends the built-in one for service providers unless it says otherwise.
"""

from __future__ import annotations

import re
import tomllib
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec

from upheld.core.errors import Fault, PolicyError, nearest
from upheld.policy.english import word_list
from upheld.policy.fact_types import DEFAULT, FACT_TYPES
from upheld.policy.vocabulary import (
    ATTRIBUTES,
    BASIS,
    DERIVED,
    DIMENSIONS,
    KEYWORDS,
    OTHER,
    SENSITIVE,
    TERM_ATTRIBUTES,
    TREES,
    UNITS,
    WORD,
    DutyTerm,
    Fact,
    Term,
    Vocabulary,
)

TEXTS = ("label", "contrary", "note")  # what is said of a fact


class _VocabularyReader:
    """Reads one or more TOML documents into a vocabulary, collecting every mistake."""

    def __init__(self) -> None:
        self.trees: dict[str, dict[str, Term]] = {tree: {} for tree in (*TREES, BASIS, SENSITIVE)}
        self.facts: dict[str, Fact] = {}
        self.duties: dict[str, DutyTerm] = {}
        self.sources: list[str] = []
        self.faults: list[Fault] = []
        self.file = ""
        self.text = ""

    def fault(self, word: str, message: str, *, expected: str = "", near: str = "") -> None:
        line, column = self._find(word)
        self.faults.append(
            Fault(
                file=self.file,
                line=line,
                column=column,
                code="vocabulary",
                message=message,
                expected=expected,
                nearest=near,
            )
        )

    def _find(self, word: str) -> tuple[int, int]:
        pattern = re.compile(rf"(?<![\w-]){re.escape(word)}(?![\w-])")
        for number, line in enumerate(self.text.splitlines(), 1):
            if word and (match := pattern.search(line.split("#")[0])):
                return number, match.start() + 1
        return 1, 1

    def read(self, file: str, raw: bytes, ancestors: tuple[str, ...]) -> None:
        """Read one document, what it extends first."""
        self.file, self.text = file, ""
        try:
            self.text = raw.decode("utf-8-sig")
            content = tomllib.loads(self.text)
        except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
            what = str(error).splitlines()[0] if str(error) else "nested too deep"
            self.fault("", f"the vocabulary is not TOML: {what}")
            return
        # A built-in vocabulary stands on nothing unless it says so.
        extends = content.pop("extends", False if ancestors else "provider")
        if extends is not False:
            name = extends if isinstance(extends, str) else ""
            if builtin := builtin_bytes(name):
                if name in ancestors:
                    self.fault(name, f"the vocabulary `{name}` extends itself")
                    return
                self.read(f"{name}.toml", builtin, (*ancestors, name))
                self.file, self.text = file, raw.decode("utf-8-sig")
            else:
                self.fault(
                    name or "extends",
                    f"no built-in vocabulary `{extends}` to extend",
                    expected="false, or one of " + ", ".join(builtin_names()),
                    near=nearest(name, builtin_names()),
                )
        self.sources.append(self.text)
        self._sections(content)

    def _sections(self, content: dict[str, Any]) -> None:
        for key, table in content.items():
            if not isinstance(table, dict):
                self.fault(key, f"`{key}` must be a table")
            elif key in self.trees:
                self._tree(key, table)
            elif key == "fact":
                for name, entry in table.items():
                    self._fact(name, entry)
            elif key == "duty":
                for name, entry in table.items():
                    self._duty(name, entry)
            else:
                sections = [*self.trees, "fact", "duty", "extends"]
                self.fault(
                    key,
                    f"unknown section `{key}`",
                    expected=", ".join(sections),
                    near=nearest(key, sections),
                )

    def word(self, word: str, where: str) -> bool:
        if not WORD.match(word):
            self.fault(word, f"`{word}` in {where} is not a kebab-case word")
        elif word in KEYWORDS or word == OTHER:
            self.fault(word, f"`{word}` in {where} is a word of the language")
        elif word in ATTRIBUTES:
            self.fault(word, f"`{word}` in {where} is an attribute and cannot be a word")
        else:
            return True
        return False

    def _tree(self, tree: str, table: dict[str, Any]) -> None:
        stack: list[tuple[str, str, Any]] = [("", k, v) for k, v in reversed(table.items())]
        while stack:
            parent, name, entry = stack.pop()
            if not self.word(name, tree):
                continue
            if not isinstance(entry, dict):
                self.fault(name, f"`{name}` in {tree} must be a table", expected="{label = …}")
                continue
            attributes = {k: v for k, v in entry.items() if k in ATTRIBUTES}
            children = {k: v for k, v in entry.items() if k not in ATTRIBUTES}
            old = self.trees[tree].get(name)
            if old is not None and old.parent != parent:
                self.fault(name, f"`{name}` stands twice in the tree of {tree}")
                continue
            term = self._term(tree, name, parent, attributes)
            if old is not None:
                term = merge(old, term)
            self.trees[tree][name] = term
            stack.extend((name, k, v) for k, v in reversed(children.items()))

    def _term(self, tree: str, name: str, parent: str, attributes: dict[str, Any]) -> Term:
        fields: dict[str, Any] = {}
        for key, value in attributes.items():
            if key == "takes" and tree == "action":
                fields["takes"] = self._dimensions(name, value)
            elif key not in TERM_ATTRIBUTES:
                self.fault(key, f"`{key}` does not belong to the word `{name}` of {tree}")
            elif not isinstance(value, str):
                self.fault(name, f"`{key}` of `{name}` must be text")
            else:
                fields[key] = value
        return Term(name, parent, **fields)

    def _dimensions(self, name: str, value: Any) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            self.fault(name, f"`{name}` must list dimensions", expected=", ".join(DIMENSIONS))
            return ()
        for each in value:
            if each not in DIMENSIONS:
                self.fault(
                    each,
                    f"`{each}` of `{name}` is not a dimension",
                    expected=", ".join(DIMENSIONS),
                    near=nearest(each, DIMENSIONS),
                )
        return tuple(each for each in DIMENSIONS if each in value)

    def _duty(self, name: str, entry: Any) -> None:
        if self.word(name, "duty") and self._table("duty", name, entry, ("label", "note")):
            self.duties[name] = DutyTerm(name, **entry)

    def _table(self, where: str, name: str, entry: Any, keys: tuple[str, ...]) -> bool:
        if not isinstance(entry, dict):
            self.fault(name, f"`{name}` in {where} must be a table", expected="{label = …}")
            return False
        good = True
        for key, value in entry.items():
            if key not in keys:
                self.fault(
                    key,
                    f"`{key}` does not belong to the {where} `{name}`",
                    expected=", ".join(keys),
                    near=nearest(key, keys),
                )
                good = False
            elif key not in ("per", "one-of") and not isinstance(value, str):
                self.fault(name, f"`{key}` of `{name}` must be text")
                good = False
        return good

    def _fact(self, name: str, entry: Any) -> None:
        keys = (*TEXTS, "proof", "type", "unit", "one-of", "per", "absent", "is")
        if not self.word(name, "fact") or not self._table("fact", name, entry, keys):
            return
        kind = entry.get("type", DEFAULT)
        types = [each.name for each in FACT_TYPES.values() if each.attribute == "type"]
        others = [each for each in FACT_TYPES.values() if each.attribute != "type"]
        if kind not in types:
            forms = [f"{each.attribute} = {each.attribute_form}" for each in others]
            self.fault(
                name,
                f"`{name}` has the unknown type `{kind}`",
                expected="; or ".join([word_list(types), *forms, "is = a formula"]),
                near=nearest(kind, types),
            )
            return
        for each in others:
            if each.attribute in entry:
                kind = each.name
        if "is" in entry:
            kind = DERIVED
        self.facts[name] = Fact(
            name,
            kind,
            entry.get("label", ""),
            entry.get("note", ""),
            entry.get("proof", ""),
            entry.get("unit", ""),
            self._words(name, entry.get("one-of")),
            self._dimensions(name, entry["per"]) if "per" in entry else (),
            entry.get("absent") == "no",
            entry.get("is", ""),
            entry.get("contrary", ""),
        )
        self._fact_makes_sense(name, entry, kind)

    def _words(self, name: str, value: Any) -> tuple[str, ...]:
        if value is None:
            return ()
        if not isinstance(value, list) or not value or not all(isinstance(e, str) for e in value):
            self.fault(name, f"`one-of` of `{name}` must list words")
            return ()
        if len(set(value)) < len(value):
            self.fault(name, f"`one-of` of `{name}` names a word twice")
        for each in value:
            if not WORD.match(each) or each in KEYWORDS:
                self.fault(each, f"`{each}`, of `{name}`, cannot be a word")
        return tuple(value)

    def _fact_makes_sense(self, name: str, entry: dict[str, Any], kind: str) -> None:
        own = FACT_TYPES.get(kind)  # none for a derived fact
        if own and not entry.get("label"):
            self.fault(
                name, f"the fact `{name}` has no label", expected="a phrase for explanations"
            )
        if "absent" in entry and entry["absent"] != "no":
            self.fault(name, f'`absent` of `{name}` can only be "no"')
        if "unit" in entry and not (own and own.has_unit and entry["unit"] in UNITS):
            self.fault(
                name, f"`unit` of `{name}` does not fit", expected="a number in " + ", ".join(UNITS)
            )
        if not (own and own.yes_no):
            for key in ("per", "absent", "contrary"):
                if key in entry:
                    self.fault(name, f"`{key}` of `{name}` is for boolean facts")
        if "type" in entry and (own is None or own.attribute != "type"):
            self.fault(name, f"`type` of `{name}` contradicts its other attributes")
        if own is None and "one-of" in entry:
            self.fault(name, f"`{name}` is derived and cannot list words")

    def finish(self) -> Vocabulary:
        """The vocabulary, or PolicyError with every mistake."""
        for word in self.trees["action"].keys() & self.trees["data"].keys():
            self.fault(word, f"`{word}` is both an action and data")
        if self.faults:
            raise PolicyError(self.faults)
        return Vocabulary(self.trees, self.facts, self.duties, tuple(self.sources))


def merge(old: Term, new: Term) -> Term:
    """A term declared again in an extending vocabulary: what the later one says replaces."""
    changes = {k: v for k, v in msgspec.structs.asdict(new).items() if v not in ("", None)}
    return msgspec.structs.replace(old, **changes)


def builtin_names() -> list[str]:
    """The vocabularies that come with upheld."""
    folder = resources.files("upheld.policy") / "vocabularies"
    return sorted(
        p.name.removesuffix(".toml") for p in folder.iterdir() if p.name.endswith(".toml")
    )


def builtin_bytes(name: str) -> bytes | None:
    """The text of a built-in vocabulary, or None if there is none of that name."""
    if not WORD.match(name):
        return None
    path = resources.files("upheld.policy") / "vocabularies" / f"{name}.toml"
    return path.read_bytes() if path.is_file() else None


def read_vocabulary(name: str, base: Path | None = None) -> Vocabulary:
    """Read a built-in vocabulary by name, or a TOML file beside the policy.

    Raises PolicyError with every mistake of the vocabulary.
    """
    if raw := builtin_bytes(name):
        return _read_once(f"{name}.toml", raw, (name,))
    path = (base or Path()) / name
    try:
        raw = path.read_bytes()
    except OSError as error:
        fault = Fault(
            file=name,
            line=1,
            column=1,
            code="vocabulary",
            message=f"the vocabulary cannot be read: {error.strerror}",
            expected="a file beside the policy, or one of " + ", ".join(builtin_names()),
            nearest=nearest(name, builtin_names()),
        )
        raise PolicyError([fault]) from None
    return _read_once(name, raw, ())


def parse_vocabulary(text: str, file: str = "vocabulary.toml") -> Vocabulary:
    """Read a vocabulary from text; raises PolicyError with every mistake."""
    return _read_once(file, text.encode(), ())


@lru_cache(maxsize=16)
def _read_once(file: str, raw: bytes, ancestors: tuple[str, ...]) -> Vocabulary:
    """Read a vocabulary once for the same bytes: policies are loaded more often than it changes."""
    reader = _VocabularyReader()
    reader.read(file, raw, ancestors)
    return reader.finish()
