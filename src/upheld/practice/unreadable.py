"""Values that no form of ours wrote: they are named, and never a reason for a page to fail.

An import or an older program may have left what a practice cannot read. Whoever decodes a value
says so here; a page then tells its visitor which kind of data it is, and a job goes on with others.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from upheld.core.errors import UpheldError


class UnreadableValueError(UpheldError):
    """A stored value that cannot be read. `field` is its kind of data; the value is never shown."""

    def __init__(self, field: str) -> None:
        super().__init__(
            f"what is kept as `{field}` cannot be read",
            code="odd-value",
            hint="look into it: no form of ours wrote it",
        )
        self.field = field


@contextmanager
def decoding(field: str) -> Iterator[None]:
    """Decode values of a field: whatever is wrong with them raises UnreadableValueError."""
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError):  # msgspec's errors are ValueErrors
        raise UnreadableValueError(field) from None
