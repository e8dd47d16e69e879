"""The commands of analysis: what they print, and by which code they leave."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from samples import FRONT, WORDS, clause
from upheld.cli import app

RULE = "may not share to any but provider\n  except may share email for support when due"


@pytest.fixture(name="file")
def _file(tmp_path: Path) -> Path:
    (tmp_path / "words.toml").write_text(WORDS)
    return written(tmp_path / "policy.md", clause(RULE))


def written(path: Path, text: str) -> Path:
    """Write a policy with the sample vocabulary beside it."""
    path.write_text(FRONT.replace("Test", "Test\nvocabulary: words.toml") + text)
    return path


def run(*words: object, expect: int) -> Result:
    """Run a command, which leaves with the code that is expected."""
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code == expect, done.output
    return done


def test_compare_leaves_with_one_where_something_is_newly_allowed(file: Path) -> None:
    """A release can be stopped by the exit code; the example is told before and now."""
    wider = written(file.with_name("wider.md"), clause(RULE.removesuffix(" when due")))
    told = run("compare", file, wider, expect=1).output
    assert "newly allowed: share your email" in told
    assert "before: no, by #a" in told
    assert "now: yes, by #a" in told
    run("compare", wider, file, expect=0)


def test_compare_says_that_rewording_changes_nothing(file: Path) -> None:
    """Other prose over the same rules is no change in effect."""
    text = clause(RULE).replace("Some prose", "Other words")
    told = run("compare", file, written(file.with_name("new.md"), text), expect=0).output
    assert told == "no change in effect\nreworded: #a\n"


def test_compare_answers_in_json(file: Path) -> None:
    """A program gets every change with its regions and its example."""
    wider = written(file.with_name("wider.md"), clause(RULE.removesuffix(" when due")))
    found = json.loads(run("compare", file, wider, "--json", expect=1).output)
    assert (found["same"], found["newly_allowed"]) == (False, 1)
    assert found["changes"][0]["witness"]["new"]["outcome"] == "allow"


def test_compare_writes_a_page(file: Path) -> None:
    """The page has both texts with what was taken away marked, and the effect under it."""
    text = clause(RULE.removesuffix(" when due")).replace("Some prose", "<Other> prose")
    text = text.replace("<Other>", "&lt;Other&gt;")
    page = file.with_name("page.html")
    run("compare", file, written(file.with_name("new.md"), text), "--html", page, expect=1)
    html = page.read_text()
    assert "<del>Some</del>" in html
    assert "<ins>&lt;Other&gt;</ins>" in html
    assert "newly allowed: share your email" in html


def test_query_leaves_with_one_for_never(file: Path) -> None:
    """The verdict is the exit code; open lists follow the cases."""
    assert run("query", file, "share card to ?", expect=1).output.startswith("never, by #a")
    told = run("query", file, "share email to ?", expect=0).output
    assert (
        "only: share your email with anyone except provider for support: when you owe, by #a"
        in told
    )
    assert "recipient: partner, advertiser, other" in told
    assert json.loads(run("query", file, "share email", "--json", expect=0).output)["cases"]


def test_findings_print_a_table(file: Path) -> None:
    """The table tells what on which proof by which clause; JSON has the same rows."""
    told = run("findings", file, expect=0).output
    assert "Who can receive what" in told
    assert "allowed by one clause only: share your email" in told
    rows = json.loads(run("findings", file, "--json", expect=0).output)["rows"]
    assert [(row["when"], row["clauses"]) for row in rows] == [([["due"]], ["a"])]


def test_sever_writes_the_new_version_or_refuses(file: Path) -> None:
    """A grant is struck and written; a prohibition only for whoever accepts what widens."""
    words = "may serve", "may not serve when due"
    policy = written(file.with_name("two.md"), clause(words[0], "yes") + clause(words[1], "no"))
    out = file.with_name("out.md")
    common = ("--finding", "Court: void", "--out", out)
    told = run("sever", policy, "--clause", "no", *common, expect=1).output
    assert "newly allowed: serve when you owe" in told
    assert not out.exists()
    run("sever", policy, "--clause", "no", *common, "--accept-widening", "--json", expect=0)
    assert "{#no .severed}" in out.read_text()
    assert "written to" in run("sever", policy, "--clause", "#yes", *common, expect=0).output
    assert "{#yes .severed}" in out.read_text()


def test_agreement_drafts_what_contains_accepts(tmp_path: Path) -> None:
    """A draft of the sample is written and found identical; a wider one leaves with 1."""
    sample = Path(__file__).resolve().parents[2] / "policies" / "larch-valley.md"
    out = tmp_path / "agreement.md"
    told = run("agreement", sample, "--partner", "Acme", "--out", out, expect=0).output
    assert told.startswith("written to")
    assert run("contains", out, sample, expect=0).output == "identical\n"
    out.write_text(out.read_text().replace("with confidentiality, ", "with "))
    told = run("contains", out, sample, expect=1).output
    assert "wider: the agreement leaves out “under confidentiality”" in told
    assert json.loads(run("contains", out, sample, "--json", expect=1).output)["wider"]


def test_check_tells_what_the_rules_can_never_do(file: Path) -> None:
    """A dead clause is told and does not fail the check; an act owed and denied does."""
    texts = clause("may share contact", "wide"), clause("may share email", "small")
    dead = written(file.with_name("dead.md"), "".join(texts))
    told = run("check", dead, expect=0).output
    assert ":14:1: warning: #small can never decide: it allows nothing that #wide would" in told
    texts = clause("must serve when due", "do"), clause("may not serve when minor", "dont")
    clash = written(file.with_name("clash.md"), "".join(texts))
    assert "error: #do asks for what #dont forbids" in run("check", clash, expect=1).output
    found = json.loads(run("check", clash, "--json", expect=1).output)["findings"]
    assert (found[0]["kind"], found[0]["question"]) == ("owed-denied", {"action": "serve"})
