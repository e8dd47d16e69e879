"""How large a test is: small for every `make test`, large where the documentation states a size.

Goes in: the environment variable UPHELD_TEST_SIZE, `short` (the default), `long`, or `middle` for
a number between a test's two. Comes out: the number that a test asks for by name. Every size is
thus one line in the test that uses it, with both its numbers, and the run says which it used.
"""

import math
import os

SIZES = ("short", "middle", "long")
CHOSEN = os.environ.get("UPHELD_TEST_SIZE", "short")
USED: dict[str, int] = {}

if CHOSEN not in SIZES:
    raise ValueError(f"got UPHELD_TEST_SIZE={CHOSEN}, want one of {', '.join(SIZES)}")


def size(name: str, *, short: int, long: int) -> int:
    """Tell how many `name` this run wants, and remember it for the summary."""
    between = round(math.sqrt(short * long))
    USED[name] = {"short": short, "middle": between, "long": long}[CHOSEN]
    return USED[name]
