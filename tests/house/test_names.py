"""Names say what they name: no bare participle stands for a thing, and no class has a namesake."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from house.test_house import ROOT, trees

BANNED = frozenset(
    {
        *("asked", "begun", "found", "given", "held", "kept", "known", "made", "said", "shown"),
        *("taken", "told"),
    }
)
"""Words that say what was done to a thing, and not what it is: `row`, `answer`, `person` do."""
OTHERS = frozenset(
    {
        *("added", "brought", "built", "changed", "checked", "chosen", "closed", "counted", "done"),
        *("gone", "left", "listed", "marked", "meant", "moved", "named", "noted", "opened", "owed"),
        *("paid", "put", "removed", "sealed", "seen", "sent", "stored", "wanted", "worded"),
        "written",
    }
)


def _ours() -> dict[Path, ast.Module]:
    """The modules that users and benches run, by their path in the checkout."""
    return {
        path.relative_to(ROOT): tree
        for path, tree in trees().items()
        if path.is_relative_to(ROOT / "src") or path.is_relative_to(ROOT / "bench")
    }


def _names(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Names of functions, classes, parameters, variables and private attributes, and their lines.

    Constants are not among them, nor the fields of a class: those are columns and keys of files.
    """
    fields = {
        node.target
        for each in ast.walk(tree)
        if isinstance(each, ast.ClassDef)
        for node in each.body
        if isinstance(node, ast.AnnAssign)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, node.lineno
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            if node not in fields and not node.id.isupper():
                yield node.id, node.lineno
        elif isinstance(node, ast.Attribute) and node.attr.startswith("_"):
            yield node.attr, node.lineno


def test_nothing_is_named_by_a_bare_participle() -> None:
    """What a reader finds behind a name stands in it."""
    banned = [
        f"{path}:{line} {name}"
        for path, tree in _ours().items()
        for name, line in _names(tree)
        if name.strip("_").lower() in BANNED
    ]
    assert banned == []


def test_few_functions_name_anything_by_a_participle() -> None:
    """Of the others that are not banned, a few in a hundred functions have one."""
    functions = [
        node
        for tree in _ours().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    some = [
        each
        for each in functions
        if any(
            node.id.strip("_") in OTHERS
            for node in ast.walk(each)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        )
    ]
    assert len(some) <= len(functions) * 0.03


def test_a_public_class_stands_once() -> None:
    """Whoever reads a class's name knows which it is, without the import."""
    places = defaultdict(list)
    for path, tree in _ours().items():
        for node in tree.body if path.parts[0] == "src" else ():
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(str(path))
    assert {name: paths for name, paths in places.items() if len(paths) > 1} == {}
