"""JSON with a member twice in one object: readers differ on what it means, so it is refused."""

from __future__ import annotations

import json


class _TwiceError(Exception):
    pass


def has_twice(text: bytes) -> bool:
    """Whether some object of a JSON text has a member twice; also where it is too deep to tell."""
    try:
        json.loads(text, object_pairs_hook=_once, parse_int=str, parse_float=str)
    except (_TwiceError, RecursionError):
        return True
    return False


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _TwiceError
    return found
