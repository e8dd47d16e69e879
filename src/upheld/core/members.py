"""JSON with a member twice in one object: readers differ on what it means, so it is refused."""

from __future__ import annotations

import json


class _DuplicateMemberError(Exception):
    pass


def has_duplicate_member(text: bytes) -> bool:
    """Whether some object of a JSON text has a member twice; also where it is too deep to tell."""
    try:
        json.loads(text, object_pairs_hook=_unique_members, parse_int=str, parse_float=str)
    except (_DuplicateMemberError, RecursionError):
        return True
    return False


def _unique_members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _DuplicateMemberError
    return members
