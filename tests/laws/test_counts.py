"""What a range must satisfy, whatever the count and the noise.

| law | equation |
| --- | --- |
| the range is true | least <= count <= most |
| small counts look alike | count < 20 gives the same range as 0 |
| nothing else looks small | count >= 20 gives a range from 20 on |
| a range hides | most - least >= twice the bound of the noise |
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upheld.ledger.counts import BOUND, SMALL, Range, ranged

COUNTS = st.one_of(st.integers(0, 300), st.integers(0, 10**9))
NOISE = st.integers(-BOUND, BOUND)


@given(COUNTS, NOISE)
def test_the_range_holds_the_count(count: int, noise: int) -> None:
    """Whatever the noise, what is told is true."""
    found = ranged(count, noise)
    assert found.least <= count <= found.most


@given(st.integers(0, SMALL - 1), NOISE)
def test_small_counts_cannot_be_told_apart(count: int, noise: int) -> None:
    """None and nineteen are told in the same words."""
    assert ranged(count, noise) == Range(0, SMALL - 1)
    assert str(ranged(count, noise)) == "fewer than 20"


@given(st.integers(SMALL, 10**9), NOISE)
def test_a_range_is_never_narrower_than_its_noise(count: int, noise: int) -> None:
    """Both ends of the noise lie in it, so that nobody works the count out; none looks small."""
    found = ranged(count, noise)
    assert found.least >= SMALL
    assert found.most - found.least >= (BOUND if found.least == SMALL else 2 * BOUND)
    assert not found.small


@given(COUNTS, st.one_of(st.integers(BOUND + 1, 10**6), st.integers(-(10**6), -BOUND - 1)))
def test_a_noise_beyond_its_bound_is_refused(count: int, noise: int) -> None:
    """Nothing is told that would not be true."""
    with pytest.raises(ValueError, match="want at most 10"):
        ranged(count, noise)
