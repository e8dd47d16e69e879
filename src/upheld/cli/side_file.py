"""The file that says which lines of a file were left out, and why; no value stands in it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from upheld.core.errors import UpheldError

if TYPE_CHECKING:
    from upheld.practices.feeds.feeds import LeftOut

HEADER = "line,why\n"


@contextmanager
def writing(path: Path | None) -> Generator[Callable[[Sequence[LeftOut]], None], None, None]:
    """What adds lines to the file; nothing is written where there is none.

    They are there before what was taken in beside them is committed: of a reading that was killed,
    and goes on later, none is missing, and some may stand there twice.
    """
    if path is None:
        yield lambda _: None
        return
    try:
        file = path.open("a", encoding="utf-8")
    except OSError as error:
        raise UpheldError(
            f"{path} cannot be written: {error.strerror}",
            code="unwritable",
            hint="name a file in a folder that is there; nothing was taken in",
        ) from None
    with file as out:

        def tell(some: Sequence[LeftOut]) -> None:
            out.writelines(f"{each.number},{each.reason}\n" for each in some)
            out.flush()

        if not out.tell():
            out.write(HEADER)
        yield tell
