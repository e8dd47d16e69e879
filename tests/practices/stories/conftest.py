"""Stories are told once, on SQLite: what is asked of them is what the policy says."""

from __future__ import annotations

from pathlib import Path

import argon2
import pytest

from empty import empty_database
from upheld.web import passwords


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """One kind of database is enough for a story, and its tables need not be made anew."""
    return empty_database(tmp_path)


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash the passwords of people who do not exist at the least cost."""
    hasher = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_HASHER", hasher)
