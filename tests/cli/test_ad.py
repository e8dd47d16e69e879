"""`upheld ad`: campaigns are listed, reported, billed and stopped."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.homes import provider_in, run
from upheld.core.errors import UpheldError


def test_advertisements_are_listed_reported_billed_and_stopped(tmp_path: Path) -> None:
    """Without any there is nothing to print; wrong words are answered."""
    home = provider_in(tmp_path, max="manager")
    assert run(home, "ad", "list") == ""
    assert run(home, "ad", "report") == "campaign,title,day,views,clicks,dollars\n"
    assert run(home, "ad", "bill", "2026-10") == ""
    stop = ("ad", "stop", "none", "--reason", "It is misleading", "--by", "max")
    for words, code in ((("ad", "bill", "2026-13"), "usage"), (stop, "ad")):
        with pytest.raises(UpheldError) as caught:
            run(home, *words)
        assert caught.value.code == code
