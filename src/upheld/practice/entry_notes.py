"""What a practice adds to entries where they are told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from upheld.gate.act.request import ActResult
from upheld.gate.log.receipts import AccountLine


class EntryNotes(NamedTuple):
    """What a practice can say of entries of some kinds from values that their person may see.

    `notes` is given an event's entries for each event that has one of the kinds, and the values; it
    answers with a sentence for each event, or nothing where it is not sure.
    """

    kinds: frozenset[str]
    fields: tuple[str, ...]
    notes: Callable[[Sequence[Sequence[AccountLine]], ActResult], list[str]]
