"""What may be said of an act, of what is stored, of a record, beside whom it is about.

The gate, the gate for asyncio and a transaction take the same options. They are written down here
once, for type checkers and for whoever misspells one.
"""

# Annotations are read when the module loads: what is required is told by them.
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NoReturn, Required, TypedDict

from upheld.core.dimensions import DIMENSIONS, DimensionOptions
from upheld.core.errors import RequestError, nearest
from upheld.core.ids import PersonId
from upheld.gate.act.request import Act, require_list

WITH_ACT = (*(name for name in Act.__struct_fields__ if name not in {"action", "data"}), "entitled")


class OptionError(RequestError, TypeError):
    """A call with an option that it does not have, or without one that it needs."""


class ActOptions(DimensionOptions[str | None], total=False):
    """What an `Act` says beside its action and its data."""

    party: str
    reference: str
    partial: bool
    settles: str


class StoreOptions(TypedDict, total=False):
    """Where values come from, on which occasion, for which purpose; `party` by name.

    Without a purpose they are stored for any. `public_source` is where they are public.
    `entitled` is for callers who may learn why something is refused.
    """

    source: Required[str]
    occasion: Required[str]
    purpose: str | None
    party: str
    public_source: str | None
    entitled: bool


class CombineOptions(TypedDict, total=False):
    """Whose knowledge is combined with ours: the kind of party, and its name as `party`.

    Without a purpose it is stored for any. `entitled` is for callers who may learn why something
    is refused.
    """

    source: Required[str]
    party: Required[str]
    purpose: str | None
    entitled: bool


class RecordOptions(TypedDict, total=False):
    """What a record says: of which fact, about which words, of which party, from when until when.

    `by_whom` and `how` tell who gave it and by what, `actor` who did it as the entry names them;
    `text` is what was shown to them, which is sealed.
    """

    fact: str
    about: Mapping[str, Sequence[str]] | None
    party: str
    valid_from: datetime
    ends: datetime | None
    by_whom: str
    how: str
    actor: str
    text: str


class RecordFilter(DimensionOptions[str], total=False):
    """Which records of a kind: of a fact, of a party, of one person, about a word a dimension."""

    fact: str
    party: str
    person_id: PersonId | None
    data: str


class RecordFilterUntil(RecordFilter, total=False):
    """Which records are ended, and `until` when they still hold; without it they are withdrawn."""

    until: datetime | None


class NoteOptions(DimensionOptions[str], total=False):
    """What an entry of a practice's own kind tells, in ids and words of the vocabulary."""

    id: str
    action: str
    outcome: str
    problem: str
    clauses: tuple[str, ...]
    data: tuple[str, ...]
    evidence: tuple[str, ...]
    duties: tuple[str, ...]
    values: tuple[str, ...]
    after: str
    violation: str


_FILTERS = ("fact", "party", "person_id", *DIMENSIONS)


def act_of(call: str, action: str, data: Sequence[str], options: Mapping[str, Any]) -> Act:
    """The act that a call asks for.

    OptionError, naming `call`, for an option that no act has; RequestError for one string of data.
    Where `call` ends in a dot, the action's own name follows.
    """
    if type(data) is not list and type(data) is not tuple:
        require_list(data, "data", "field names")
    try:
        return Act(action=action, data=tuple(data), **options)
    except TypeError:
        name = call + action.replace("-", "_") if call.endswith(".") else call
        check_options(name, options, WITH_ACT)
        raise


def check_options(
    call: str, options: Mapping[str, Any], names: Collection[str], required: Collection[str] = ()
) -> None:
    """OptionError, naming `call`, for an option that is not known, or where one is missing."""
    for name in options:
        if name not in names:
            _refuse(call, name, names)
    for name in required:
        if name not in options:
            raise OptionError(
                f"{call}() needs the option `{name}`", code="option", hint=f"say {name}=…"
            )


def _refuse(call: str, name: str, names: Collection[str]) -> NoReturn:
    similar = nearest(name, names)
    raise OptionError(
        f"{call}() has no option `{name}`" + (f"; did you mean `{similar}`?" if similar else ""),
        code="option",
        hint="it has " + ", ".join(sorted(names)),
    )


def check_store(call: str, options: StoreOptions) -> None:
    """OptionError unless these are options with which values are stored."""
    names = StoreOptions.__annotations__
    check_options(call, options, names, StoreOptions.__required_keys__)


def check_combine(call: str, options: CombineOptions) -> None:
    """OptionError unless these are options with which values are combined."""
    names = CombineOptions.__annotations__
    check_options(call, options, names, CombineOptions.__required_keys__)


def check_record(call: str, options: RecordOptions) -> None:
    """OptionError unless these are options of a record."""
    check_options(call, options, RecordOptions.__annotations__)


def check_note(call: str, options: NoteOptions) -> None:
    """OptionError unless these are keys that an entry of a practice has."""
    check_options(call, options, (*NoteOptions.__annotations__, *DIMENSIONS))


def check_filter(call: str, which: RecordFilter, *more: str) -> None:
    """OptionError unless these, and some more, choose records."""
    check_options(call, which, (*_FILTERS, *more))
