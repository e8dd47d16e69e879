"""What the tests of commands share: they run in this process, so that they cost little."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cheap import build_commands_once, make_passphrases_cheap


@pytest.fixture(autouse=True, scope="module")
def cheap_commands() -> Iterator[None]:
    """Stretch passphrases at the least cost, and build the commands once."""
    with pytest.MonkeyPatch.context() as patch:
        make_passphrases_cheap(patch)
        build_commands_once(patch)
        yield
