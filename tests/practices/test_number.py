"""Each word of the sample policy does something in a story, or is listed as one that does not."""

from __future__ import annotations

import json
from collections import Counter
from hashlib import sha256
from pathlib import Path

import pytest

import upheld
from practices.number import CLAUSES, LIST, README, STATEMENT, dead_lines, report
from sizes import size
from upheld.demo import sample_policy
from upheld.mutate.report import unlisted
from upheld.mutate.run import CHANGES, DEAD, NEEDED
from upheld.policy.analyse.mutants import KINDS, Mutant, equal, mutants

# All of them are tried by `make coverage`, which takes as long as the rest of a full run.
HUNDREDTHS = size("hundredths of the sample policy's words", short=1, long=30)


def in_sample(name: str) -> bool:
    """Some hundredths of the words, always the same by their digest."""
    return int(sha256(name.encode()).hexdigest(), 16) % 100 < HUNDREDTHS


@pytest.fixture(scope="module")
def all_mutants() -> list[Mutant]:
    """The sample policy with each thing struck and each number moved."""
    return list(mutants(upheld.load(sample_policy())))


@pytest.mark.large  # however few words are tried, all stories are told twice before
@pytest.mark.timeout(2_400)  # the stories are told anew for most words
def test_a_word_does_something_or_is_listed_and_the_list_only_shrinks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No word is dead that is not listed, none is listed that does something, and none fails."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    result = report(lambda mutant: in_sample(mutant.id))
    more, fewer = unlisted(result, {name for name in dead_lines() if in_sample(name)})
    assert more == []
    if fewer:  # a story that fails by chance, under load, would pass for a word that does something
        again = report(lambda mutant: mutant.id in fewer)
        assert [each for each in again.findings if each.came != DEAD] == []
    assert all(each.why for each in result.findings if each.came == NEEDED)


def test_the_list_names_words_of_the_policy(all_mutants: list[Mutant]) -> None:
    """Whatever is listed is still a thing that can be struck or moved, and stands there once."""
    names = Counter(
        line for line in LIST.read_text(encoding="utf-8").splitlines() if not line.startswith("%")
    )
    assert {name: count for name, count in names.items() if count > 1} == {}
    assert names.keys() - {each.id for each in all_mutants} == set()


def test_what_the_demonstration_says_of_stories_is_what_the_list_says(
    all_mutants: list[Mutant],
) -> None:
    """Every clause stands there, and a story would miss it unless it is listed as dead."""
    policy = upheld.load(sample_policy())
    came = {}
    for each in all_mutants:
        if each.kind == "clause":
            missed = NEEDED if each.error else "equal" if equal(policy, each) else CHANGES
            came[each.clause] = DEAD if each.id in dead_lines() else missed
    assert json.loads(CLAUSES.read_text(encoding="utf-8")) == came


def test_the_statement_of_the_readme_is_what_the_list_says(all_mutants: list[Mutant]) -> None:
    """Of each kind the README counts what can change something, less what is listed as dead."""
    policy = upheld.load(sample_policy())
    living = [each for each in all_mutants if not each.error and not equal(policy, each)]
    dead = dead_lines()
    text = STATEMENT.search(Path(README).read_text(encoding="utf-8"))
    assert text is not None
    rows = [line for line in text[2].splitlines() if line.startswith("| ")][1:]
    texts = [tuple(int(cell.replace(",", "")) for cell in row.split("|")[2:4]) for row in rows]
    counted = []
    for kind in KINDS:
        mine = [each.id for each in living if each.kind == kind]
        counted.append((len([name for name in mine if name not in dead]), len(mine)))
    assert texts == [each for each in counted if each[1]]
