"""Noise by OpenDP: whole numbers in, whole numbers out, each with discrete Laplace noise.

Privacy is counted in points, thousandths of epsilon, so that sums of costs are exact.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, Final

from upheld.core.errors import UpheldError
from upheld.core.extras import install_hint

POINTS: Final = 1000  # of an epsilon of one
LARGEST: Final = 2**53  # up to which scales are exact, and far from the ends of 64 bits
_SLACK: Final = 1 + 1e-9  # so that no rounding makes the privacy loss more than was paid for


class NoiseError(UpheldError):
    """Noise that cannot be made: no number is given in its place."""


def is_there() -> bool:
    """Whether OpenDP is installed."""
    return find_spec("opendp") is not None


def require() -> None:
    """NoiseError where OpenDP is not installed."""
    if not is_there():
        raise NoiseError(
            "numbers about people need `opendp`, which is not installed",
            code="missing-extra",
            hint=install_hint("reports"),
        )


def load() -> None:
    """Load OpenDP, so that nobody waits for that later; NoiseError where it is not installed."""
    require()
    _measurement(1.0)


def scale_of(sensitivity: int, points: int) -> float:
    """The scale of the noise of a vector that one person changes by `sensitivity` at most in all.

    NoiseError unless both are whole and more than nothing.
    """
    if not all(_is_whole(each) and each >= 1 for each in (sensitivity, points)):
        raise NoiseError("noise needs a bound and a price above zero", code="report-noise")
    return sensitivity * POINTS / points * _SLACK


def width(scale: float, once_in: int) -> int:
    """How far noise of a scale reaches: beyond it to either side at most once in so many times."""
    return math.ceil(scale * math.log(once_in))


def add(numbers: Sequence[int], sensitivity: int, points: int) -> list[int]:
    """The numbers with noise, for a price in points; NoiseError where OpenDP asks for more.

    NoiseError too for anything that is no whole number, or is beyond `LARGEST`: none is rounded or
    cut to fit, since where that happens would tell of somebody.
    """
    require()
    if not all(_is_whole(each) for each in numbers):
        raise NoiseError("noise is for whole numbers that can be counted", code="report-noise")
    scale = scale_of(sensitivity, points)
    measurement = _measurement(scale)
    if measurement.map(sensitivity) > points / POINTS:
        raise NoiseError("the noise would cost more than was paid", code="report-noise")
    result: list[int] = measurement(list(numbers))
    return result


def _is_whole(number: object) -> bool:
    return type(number) is int and abs(number) <= LARGEST


def _measurement(scale: float) -> Any:
    """OpenDP's discrete Laplace mechanism on vectors of whole numbers of 64 bits."""
    import opendp.prelude as dp  # noqa: PLC0415 - it takes a quarter of a second, and is an extra

    dp.enable_features("contrib")
    space = dp.vector_domain(dp.atom_domain(T="i64")), dp.l1_distance(T="i64")
    return dp.m.make_laplace(*space, scale=scale)
