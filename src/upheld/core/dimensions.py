"""The dimensions of an act: what is said of it besides its action. This is their one list.

A field of `DimensionValues` is a dimension, and what stands beside its type says how it is named.
Requests, acts, entries of the ledger, AuthZEN's context, forms and tables all take their fields
from here, so that another dimension is another line here (and one below for type checkers) and
nowhere else.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Generic,
    NamedTuple,
    TypedDict,
    TypeVar,
    cast,
    get_type_hints,
)

import msgspec

Whole = TypeVar("Whole")  # what is said of the data
Part = TypeVar("Part")  # what is said of each other dimension
UNSAID: Any = None


class Dimension(NamedTuple):
    """How a dimension is named: by which tree of words, in rules, in sentences, in forms.

    `label` is what people call it, where that is not its name. `lead` is empty where the words
    themselves begin a phrase, as in "when you register".
    """

    tree: str
    preposition: str = ""
    lead: str = ""
    label: str = ""
    dpv: str = ""


class DimensionValues(msgspec.Struct, Generic[Whole, Part], frozen=True, kw_only=True):
    """A value for each dimension; `UNSAID` for those that are left out."""

    data: Annotated[Whole, Dimension("data", label="information", dpv="dpv:hasPersonalData")] = (
        UNSAID
    )
    source: Annotated[Part, Dimension("party", "from", "from", dpv="dpv:hasDataSource")] = UNSAID
    recipient: Annotated[Part, Dimension("party", "to", "to", dpv="dpv:hasRecipient")] = UNSAID
    actor: Annotated[Part, Dimension("party", "by", "by")] = UNSAID
    purpose: Annotated[Part, Dimension("purpose", "for", "for", dpv="dpv:hasPurpose")] = UNSAID
    occasion: Annotated[Part, Dimension("occasion", "at", label="moment")] = UNSAID
    place: Annotated[Part, Dimension("place", "in")] = UNSAID


class DimensionOptions(TypedDict, Generic[Part], total=False):
    """The dimensions but for data, as calls take them by name: for type checkers, who read no list.

    A test holds that they are those above.
    """

    source: Part
    recipient: Part
    actor: Part
    purpose: Part
    occasion: Part
    place: Part


def _table() -> dict[str, Dimension]:
    hints = get_type_hints(DimensionValues, include_extras=True)
    return {name: hints[name].__metadata__[0] for name in DimensionValues.__struct_fields__}


TABLE: Mapping[str, Dimension] = MappingProxyType(_table())
DIMENSIONS = tuple(TABLE)
PARTIES = tuple(name for name, each in TABLE.items() if each.tree == "party")
DATA = "data"

if TYPE_CHECKING:
    EntryDimensions = DimensionValues[tuple[str, ...], str]
else:  # the same fields, empty where nothing is said, as entries write them
    EntryDimensions = msgspec.defstruct(
        "EntryDimensions",
        [
            (name, tuple[str, ...] if name == DATA else str, () if name == DATA else "")
            for name in DIMENSIONS
        ],
        frozen=True,
        kw_only=True,
    )


_ENTRY_DIMENSIONS: type = cast("type", EntryDimensions)


def dimension_label(dimension: str) -> str:
    """What people call a dimension."""
    return TABLE[dimension].label or dimension


def dimension_values(it: DimensionValues[Any, Any], *without: str) -> dict[str, Any]:
    """The dimensions that have a value, with it, but for those named in `without`."""
    empty = (None, "", ()) if isinstance(it, _ENTRY_DIMENSIONS) else (None, ())
    values = {name: getattr(it, name) for name in DIMENSIONS if name not in without}
    return {name: value for name, value in values.items() if value not in empty}


__all__ = [
    "DIMENSIONS",
    "PARTIES",
    "TABLE",
    "Dimension",
    "DimensionOptions",
    "DimensionValues",
    "EntryDimensions",
    "dimension_label",
    "dimension_values",
]
