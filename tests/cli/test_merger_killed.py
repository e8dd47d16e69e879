"""A merger by command, killed three times at each end: each account goes and arrives once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from cli.mergers import merger
from sizes import size


def test_a_merger_that_is_killed_ends_with_one_of_each_account_at_the_other_provider(
    tmp_path: Path,
) -> None:
    """Killed as it covers, transfers and tells them, and three times as they are taken in."""
    accounts = size("accounts of a merger that is killed at both ends", short=60, long=10_000)
    done = merger(tmp_path, accounts)
    assert (done.parcels, done.arrivals, done.most) == (accounts, accounts, 1)
    assert done.acts == {"transfer": accounts, "notify-transfer": accounts}
    assert done.addresses == Counter({1: accounts})
    assert (done.confirmed, done.problems) == (True, 0)
