"""`upheld beacon`: a key for pages of a partner is made, listed and revoked."""

from __future__ import annotations

import json
from pathlib import Path

from cli.homes import provider_in, run


def test_a_key_is_made_listed_and_revoked(tmp_path: Path) -> None:
    """With the lines that the company puts into its pages."""
    home = provider_in(tmp_path, max="manager")
    run(home, "party", "add", "Spruce Point", "--role", "business-partner", "--by", "max")
    made = ("beacon", "add", "Spruce Point", "--host", "Shop.Spruce.example", "--by", "max")
    text = run(home, *made)
    key = text.split()[0]
    assert f'/beacon/{key}.js" referrerpolicy="origin" async></script>' in text
    (its,) = json.loads(run(home, "beacon", "list", "--json"))
    assert (its["key"], its["host"], its["state"]) == (key, "shop.spruce.example", "active")
    words = ("beacon", "revoke", key, "--stolen", "--by", "max")
    assert "stolen; 0 visits kept" in run(home, *words)
    assert key in run(home, "beacon", "list")
