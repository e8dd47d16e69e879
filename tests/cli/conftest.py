"""What the tests of commands share: they run in this process, so that they cost little."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cheap import build_commands_once, make_passphrases_cheap, read_the_sample_once


@pytest.fixture(autouse=True, scope="module")
def cheap_commands() -> Iterator[None]:
    """Stretch passphrases at the least cost; build the commands, and read the sample, once."""
    with pytest.MonkeyPatch.context() as patch:
        make_passphrases_cheap(patch)
        build_commands_once(patch)
        read_the_sample_once(patch)
        yield
