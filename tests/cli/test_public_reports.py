"""`upheld transparency` and `upheld safeguards`: what the public pages say, by command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.homes import provider_in, run
from upheld.core.errors import UpheldError


def test_the_public_reports_are_printed_by_command(tmp_path: Path) -> None:
    """As lines, JSON and CSV; a half year that is not over is refused."""
    home = provider_in(tmp_path)
    assert "informal request, refused: fewer than 20" in run(home, "transparency", "2024-H2")
    assert run(home, "transparency", "--csv").splitlines()[0] == "what,outcome,at least,at most"
    (line,) = {
        (each["count"]["least"], each["count"]["most"])
        for each in json.loads(run(home, "transparency", "--json"))["lines"]
    }
    assert line == (0, 19)
    with pytest.raises(UpheldError) as caught:
        run(home, "transparency", "2099-H1")
    assert caught.value.code == "transparency-period"
    assert "Encrypted at rest: on. " in run(home, "safeguards")
    assert {each["state"] for each in json.loads(run(home, "safeguards", "--json"))} <= {
        "on",
        "off",
        "unknown",
    }
