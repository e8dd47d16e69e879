"""Stories are told once, on SQLite: what is asked of them is what the policy says."""

from __future__ import annotations

from pathlib import Path

import pytest

from empty import empty_database


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """One kind of database is enough for a story, and its tables need not be made anew."""
    return empty_database(tmp_path)
