"""What the words of a small policy do, by stories that a script or pytest tells."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import upheld
from upheld.cli import app
from upheld.core import observing
from upheld.mutate.notes import Notes
from upheld.mutate.run import MutantFinding, mutate
from upheld.policy.analyse.mutants import Mutant

POLICY = """---
policy: Small
---

We serve whoever is not a child, for thirty days. {#service}

```rule
may serve when not child
may share email, phone to supplier for service-provision when has-service with record
  except may not when opted-out
must notify-breach within 72 hours when breach-found
may store email when has-service or legal-hold with delete-after 30 days, encryption
```

Nobody looks. {#nobody}

```rule
may not view personal-information by any but staff
may not view birth-date by supplier
```

We say it twice. {#again}

```rule
may serve when not child
```
"""
STORY = """
import upheld
from pathlib import Path
from upheld.core import observing

def ask(action, facts=None, **more):
    policy = upheld.load(upheld.policy_under_test(Path("small.md")))
    found = policy.decide(upheld.Request(action, **more), facts or {})
    if (observer := observing.observer()) is not None:
        observer.note("outcome", action, found.why)
    return found

def test_served():
    assert ask("serve", {"age": 30}).allowed

def test_shared():
    facts = {"has-service": True, "opted-out": False, "age": 20}
    assert ask("share", facts, data="email", recipient="supplier", purpose="service-provision",
               occasion="visit").allowed
    assert ask("store", {"has-service": True}, data="email").allowed
"""


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a small policy and its stories, in which one is."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # so that each run begins quickly
    (tmp_path / "small.md").write_text(POLICY)
    (tmp_path / "test_small.py").write_text(STORY)
    return tmp_path


PYTEST = f"{sys.executable} -m pytest -q -p no:cacheprovider test_small.py"
SCRIPT = f'{sys.executable} -c "import test_small as t; t.test_served(); t.test_shared()"'


LOOKED_AT = {
    "#service rule 2: data email": "changes",
    "#service rule 2: with record": "changes",
    "#service rule 2: data phone": "dead",
    "#service rule 2: exception 1": "dead",
    "#service rule 4: with delete-after 30 → 31": "changes",
    "#service rule 3: within 72 → 73": "dead",
    "#nobody": "dead",
    "#nobody rule 2": "equal",  # the first rule denies as much
    "#again": "changes",  # it is cited beside the other that says the same
}


def few(mutant: Mutant) -> bool:
    """Some mutants of different kinds, so that a test is quick."""
    return mutant.id in LOOKED_AT


def came(findings: tuple[MutantFinding, ...]) -> dict[str, str]:
    """What came of each mutant, by its id."""
    return {each.id: each.came for each in findings}


@pytest.mark.parametrize(
    "command", [PYTEST, f"{PYTEST} -p xdist -n 2", SCRIPT], ids=["pytest", "xdist", "script"]
)
def test_each_word_is_told_by_what_it_changes(small: Path, command: str) -> None:
    """Struck words that a story rests on change it, others are dead, and an equal one is named."""
    report = mutate(small / "small.md", command, choose=few)
    found = came(report.findings)
    assert found == LOOKED_AT


def test_a_policy_that_is_loaded_before_any_story_is_told_of_too(small: Path) -> None:
    """Stories whose module loads the policy are told in a process of their own for each mutant."""
    early = STORY.replace("import upheld\n", 'import upheld\nEARLY = upheld.load("small.md")\n')
    early = early.replace('upheld.load(upheld.policy_under_test(Path("small.md")))', "EARLY")
    early = early.replace('load("small.md")', 'load(upheld.policy_under_test(Path("small.md")))')
    early = early.replace("import upheld\n", "import upheld\nfrom pathlib import Path\n", 1)
    (small / "test_small.py").write_text(early)
    few = {"#service rule 2: data email": "changes", "#service rule 2: data phone": "dead"}
    report = mutate(small / "small.md", PYTEST, choose=lambda mutant: mutant.id in few)
    assert came(report.findings) == few


WIDER = """---
policy: Wider
---

We use it for bills, and of whoever left for nothing else. {#use}

```rule
may use email for billing, offers
may not use email for any but billing, support when account-closed
```
"""
BILLED = """
import upheld
from pathlib import Path

def test_billed():
    policy = upheld.load(upheld.policy_under_test(Path("small.md")))
    request = upheld.Request("use", data="email", purpose="billing")
    assert policy.decide(request, {"account-closed": True}).allowed
"""


def test_a_word_is_not_dead_for_a_fact_on_which_only_its_absence_hangs(small: Path) -> None:
    """What only the mutant asks is in no note; the story that knows it is told all the same."""
    (small / "small.md").write_text(WIDER)
    (small / "test_small.py").write_text(BILLED)
    words = {"#use rule 2: for but billing": "changes", "#use rule 2: for but support": "dead"}
    report = mutate(small / "small.md", PYTEST, choose=lambda mutant: mutant.id in words)
    assert came(report.findings) == words


def test_a_mutant_that_says_the_same_is_left_out_of_the_number(small: Path) -> None:
    """A word without which the policy answers every question alike is equal, and not counted."""
    more = "when has-service or (has-service and engaged) with record"
    text = POLICY.replace("when has-service with record", more)
    (small / "small.md").write_text(text)
    report = mutate(small / "small.md", PYTEST, choose=lambda mutant: "engaged" in mutant.id)
    assert came(report.findings) == {
        "#service rule 2: when (has-service and engaged)": "equal",
        "#service rule 2: when engaged": "equal",
    }
    assert report.count() == (0, 0)


def test_what_was_found_is_not_done_again(small: Path) -> None:
    """With a folder to keep it in, a second run tells no story, and another policy begins anew."""
    keep = small / "kept"
    first = mutate(small / "small.md", PYTEST, keep=keep, choose=few)
    with (keep / "findings.jsonl").open("ab") as out:
        out.write(b'{"id": "cut off')
    (small / "test_small.py").unlink()
    assert mutate(small / "small.md", PYTEST, keep=keep, choose=few) == first
    (small / "small.md").write_text(POLICY.replace("72 hours", "71 hours"))
    with pytest.raises(upheld.UpheldError, match="do not hold under the policy itself"):
        mutate(small / "small.md", PYTEST, keep=keep, choose=few)


def test_a_killed_run_goes_on_where_it_was(small: Path) -> None:
    """What was found before a kill is kept, and the rest is found afterwards."""
    keep = small / "kept"
    whole = mutate(small / "small.md", PYTEST, keep=keep, choose=few)
    path = keep / "findings.jsonl"
    lines = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join(lines[: len(lines) // 2])[:-7])
    assert mutate(small / "small.md", PYTEST, keep=keep, choose=few) == whole


def test_the_command_tells_json_and_a_page_and_fails_below_a_share(small: Path) -> None:
    """The exit code is 1 below the share that is asked for; page and JSON name every mutant."""
    words = ["mutate", "small.md", "--stories", PYTEST, "--keep", "kept", "--clause", "service"]
    found = CliRunner().invoke(app, [*words, "--json", "--html", "page.html", "--at-least", "1"])
    assert found.exit_code == 0, found.output
    told = json.loads(found.stdout)
    page = (small / "page.html").read_text()
    assert told["findings"]
    assert all(each["id"].replace(">", "&gt;") in page for each in told["findings"])
    assert told["changing"] == sum(each["came"] == "changes" for each in told["findings"])
    assert CliRunner().invoke(app, [*words, "--at-least", "99"]).exit_code == 1


@pytest.mark.usefixtures("small")
def test_a_list_of_the_dead_must_be_neither_longer_nor_shorter() -> None:
    """What is dead and not listed fails, and so does what is listed and does something."""
    words = ["mutate", "small.md", "--stories", PYTEST, "--keep", "kept", "--clause", "service"]
    listed = ["--known-dead", "dead.txt"]
    told = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    dead = [each["id"] for each in told["findings"] if each["came"] == "dead"]
    Path("dead.txt").write_text("% why\n" + "\n".join(dead))
    assert CliRunner().invoke(app, [*words, *listed]).exit_code == 0
    Path("dead.txt").write_text("\n".join(dead[1:]))
    shorter = CliRunner().invoke(app, [*words, *listed])
    assert (shorter.exit_code, f"dead, and not in dead.txt: {dead[0]}" in shorter.output) == (
        1,
        True,
    )
    Path("dead.txt").write_text("\n".join([*dead, "#service"]))
    longer = CliRunner().invoke(app, [*words, *listed])
    assert (longer.exit_code, "take it out of dead.txt: #service" in longer.output) == (1, True)


@pytest.mark.parametrize(
    ("command", "what"),
    [
        ("", "no command"),
        ("./is-not-there", "cannot be run"),
        ("false", "do not hold"),
        ("true", "asked nothing"),
    ],
)
def test_a_command_that_tells_no_story_is_refused(small: Path, command: str, what: str) -> None:
    """Whoever names a command that cannot run, fails or asks nothing hears so."""
    with pytest.raises(upheld.UpheldError, match=what):
        mutate(small / "small.md", command)


def test_a_story_that_does_not_end_is_a_change(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mutant under which a story hangs is told as one that changes it, and others go on."""
    monkeypatch.setattr("upheld.mutate.run.GRACE", 1.0)
    waits = (
        "def test_waits():\n    import time\n"
        "    time.sleep(0 if ask('serve', {'age': 30}).allowed else 600)\n"
    )
    (small / "test_small.py").write_text(f"{STORY}\n{waits}")
    text = POLICY.replace("We say it twice. {#again}", "Again. {#again .severed}")
    (small / "small.md").write_text(text)
    report = mutate(
        small / "small.md",
        PYTEST,
        all_changes=True,
        choose=lambda mutant: mutant.id in ("#service", "#service rule 2"),
    )
    assert came(report.findings) == {"#service": "changes", "#service rule 2": "changes"}
    assert any(each.what == "the stories do not end" for each in report.findings[0].changes)


def test_a_change_of_the_stories_meanwhile_is_noticed(small: Path) -> None:
    """What was found while somebody changed the stories is neither told nor kept."""

    def change(*_: object) -> None:
        changed = STORY.replace('{"age": 30}', '{"age": 30, "child": True}')
        (small / "test_small.py").write_text(changed)

    with pytest.raises(upheld.UpheldError, match="otherwise than when they were begun"):
        mutate(small / "small.md", PYTEST, keep=small / "kept", choose=few, progress=change)
    assert not (small / "kept" / "findings.jsonl").exists()


def test_notes_hold_no_value_and_a_far_number_is_rounded(small: Path) -> None:
    """A number is noted as it is only where the policy names one beside it."""
    folder = small / "notes"
    folder.mkdir()
    code = """
import upheld
policy = upheld.load("small.md")
for age in (57, 58, 12):
    policy.decide(upheld.Request("serve"), {"age": age, "signed-in": True})
"""
    environment = {**os.environ, observing.FOLDER: str(folder)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    facts = sorted(json.loads(text)[1]["age"] for text in Notes(folder).questions)
    assert len(facts) == 2
    assert not {57, 58} & {*facts}


def test_without_a_folder_nothing_is_noted(small: Path) -> None:
    """A process whose environment names no folder asks through plans that note nothing."""
    policy = upheld.load(small / "small.md")
    assert type(policy.question("serve")).__name__ == "QuestionPlan"
    assert observing.observer() is None
