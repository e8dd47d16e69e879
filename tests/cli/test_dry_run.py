"""`upheld jobs --dry-run` tells what would go, and deletes nothing."""

from __future__ import annotations

import json
from pathlib import Path

from cli.homes import home_with_partner, partner_day, run


def test_a_dry_run_lists_each_sort_by_kind_origin_and_clause(tmp_path: Path) -> None:
    """Now, and in which month; twice the same, since nothing is done."""
    home = home_with_partner(tmp_path)
    row = f"ann@marked.example,A1,{partner_day(home)},1.00,USD,A"
    sales = f"email,reference,date,amount,currency,what\n{row}\n"
    (home / "sales.csv").write_text(sales)
    words = ("collect", "transactions", str(home / "sales.csv"), "--from", "spruce-point")
    run(home, *words, "--by", "max")
    first = run(home, "jobs", "--dry-run")
    assert "transactions: transaction from business-partner (Spruce Point), by #" in first
    assert "would go now: 0 values, 0 advertisements, 0 visits, 0 transactions" in first
    assert "marked" not in first
    answer = json.loads(run(home, "jobs", "--dry-run", "--json"))
    (line,) = [each for each in answer["lines"] if each["sort"] == "transactions"]
    assert (line["now"], sum(line["months"].values())) == (0, 1)
    assert run(home, "jobs", "--dry-run") == first
