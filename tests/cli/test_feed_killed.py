"""`upheld feed import --link`, killed: it goes on where it was, and nothing is done twice."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

from cli.homes import provider_in, run
from cli.test_feed import run_alone
from upheld.cli.admin import provider_of
from upheld.core.ids import PersonId
from upheld.core.settings import read_settings
from upheld.demo import sample_policy

DIES = """
import os, signal, sys
from upheld.cli import app
from upheld.practices.feeds import feeds
feeds.BATCH = 4
whole, lots = feeds.add_up, []
def add_up(*its, **more):
    whole(*its, **more)
    lots.append(1)
    if len(lots) == {lot}:
        os.kill(os.getpid(), signal.SIGKILL)
feeds.add_up = add_up
app(sys.argv[1:])
"""
COMBINE = "may combine profile, transaction from business-partner"


def home_of(tmp_path: Path) -> tuple[Path, tuple[str, ...]]:
    """A provider whose policy lets names be combined, and the command that takes a file in."""
    files = tmp_path / "files"
    run_alone("feed", "synthetic", str(files), "--people", "14")
    text = sample_policy().read_text().replace(COMBINE, COMBINE.replace("profile", "name, profile"))
    home = provider_in(tmp_path, policy_text=text, max="manager")
    run(home, "party", "add", "Spruce Point", "--role", "business-partner", "--by", "max")
    run(home, "admin", "import", str(files / "customers.csv"), "--apply")
    words = ("--from", "Spruce Point", "--by", "max", "--link", "--json")
    return home, ("feed", "import", str(files / "partner.csv"), *words)


def links(home: Path) -> Counter[PersonId]:
    """How often a line was tied to each customer by likeness."""
    gate = provider_of(read_settings(home / "upheld.toml")).gate.gate
    with gate.together() as transaction:
        people = transaction.customers_after("", 1_000)
    kinds = {each: [one.entry.kind for one in gate.entries(each)] for each in people}
    return Counter({each: mine.count("feed.link") for each, mine in kinds.items()})


def test_an_import_with_linking_that_is_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    """Killed in its first lot and in its second: each customer is tied once, and none is left."""
    home, command = home_of(tmp_path)
    for lot, read in ((1, 0), (2, 4)):
        words = [*command, "--settings", str(home / "upheld.toml")]
        script = [sys.executable, "-c", DIES.format(lot=lot), *words]
        dead = subprocess.run(script, check=False, capture_output=True, cwd=home, timeout=600)
        assert dead.returncode == -signal.SIGKILL, dead.stderr
        (half,) = json.loads(run(home, "feed", "list", "--json"))
        assert (half["state"], half["lines"]) == ("open", read)
        assert sum(links(home).values()) == half["linked"]
    done = json.loads(run(home, *command))
    assert (done["state"], done["lines"], done["read_before"]) == ("done", 14, 4)
    truth = (tmp_path / "files" / "truth.csv").read_text().split()[1:]
    common = sum(row[-1] != "," for row in truth)
    assert common - 2 <= done["linked"] <= common
    mine = links(home)
    assert sum(mine.values()) == done["linked"]
    assert set(mine.values()) <= {0, 1}
    assert json.loads(run(home, *command))["linked"] == done["linked"]
    assert links(home) == mine
