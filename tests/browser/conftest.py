"""What tests in a browser share: a provider that is served."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import upheld
from browsing import served
from empty import empty_database
from practices.conftest import House, houses
from upheld.demo import sample_policy


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, str]]:
    """A running provider under the sample policy, and its address; one for a file's tests."""
    folder = tmp_path_factory.mktemp("site")
    with contextmanager(houses)(empty_database(folder), folder) as opening:
        house = opening(upheld.load(sample_policy()))
        with served(house.app) as address:
            yield house, address
