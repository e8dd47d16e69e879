"""The page's answers and `query` are one, over all that the form can ask."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

import upheld
from pages import POLICY, WORDS
from upheld.app.policy import policy_app, policy_pages
from upheld.demo import sample_policy
from upheld.policy.analyse.query import query
from upheld.policy.vocabulary import DIMENSIONS, PREPOSITIONS
from upheld.practices.notices.page import PolicyPages

WORD = {"always": "yes", "never": "no", "when": "sometimes"}
LEADS = {dimension: word for word, dimension in PREPOSITIONS.items()}
SAMPLE = upheld.load(sample_policy())
SMALL = upheld.load_text(POLICY, vocabulary=WORDS)


def _choices(pages: PolicyPages) -> dict[str, list[str]]:
    """What each field of the form offers, the blank among it."""
    return {
        field["name"]: ([""] if field["name"] != "action" else [])
        + [word for word, _ in field["single"]]
        + [word for group in field["groups"] for word, _ in group["options"]]
        for field in pages.form
    }


def _in_words(chosen: dict[str, str], supposed: dict[str, bool] | None = None) -> str:
    """A choice of the form as the language asks it."""
    said = [chosen["action"], chosen.get("data", "")]
    said += [f"{LEADS[d]} {chosen[d]}" for d in DIMENSIONS if d != "data" and chosen.get(d)]
    facts = [("" if each else "not ") + name for name, each in (supposed or {}).items()]
    given = f" given {', '.join(facts)}" if facts else ""
    return " ".join(filter(None, said)) + given


PAGES = {"sample": (SAMPLE, policy_pages(SAMPLE)), "small": (SMALL, policy_pages(SMALL))}


@cache
def _client(name: str) -> TestClient:
    """Somebody who reads the pages of a policy, which are made when they are first wanted."""
    return TestClient(policy_app(PAGES[name][0]))


def _agrees(name: str, chosen: dict[str, str], supposed: dict[str, bool]) -> None:
    policy = PAGES[name][0]
    asked = {d: w for d, w in chosen.items() if w}
    facts = {f"fact.{n}": "yes" if each else "no" for n, each in supposed.items()}
    answer = _client(name).get("/privacy/ask", params={**asked, **facts})
    takes = policy.program.vocabulary.takes(chosen["action"])
    if any(d not in takes for d in asked if d != "action"):
        assert answer.status_code == 400
        return
    exact = query(policy, _in_words(chosen, supposed))
    assert answer.json()["answer"] == WORD[exact.verdict], asked
    assert [each["clauses"] for each in answer.json()["cases"]] == [
        list(case.clauses) for case in exact.cases
    ]
    page = (
        _client(name)
        .get("/privacy/ask", params={**asked, **facts}, headers={"accept": "text/html"})
        .text
    )
    verdict = page.split('<p class="verdict">')[1].split("</p>")[0]
    assert WORD[exact.verdict].capitalize() in verdict


@pytest.mark.parametrize("name", PAGES)
@given(data=st.data())
def test_no_answer_of_the_page_contradicts_the_query(name: str, data: st.DataObject) -> None:
    """Whatever is chosen in the form, page and program get the verdict and cases of `query`."""
    choices = _choices(PAGES[name][1])
    action = data.draw(st.sampled_from(choices["action"]))
    takes = PAGES[name][0].program.vocabulary.takes(action)
    fields = [f for f in choices if f in takes or (f != "action" and data.draw(st.booleans()))]
    chosen = {f: data.draw(st.sampled_from(choices[f])) for f in fields if f != "action"}
    facts = [
        f.name for f in PAGES[name][0].program.vocabulary.facts.values() if f.kind == "boolean"
    ]
    supposed = data.draw(st.dictionaries(st.sampled_from(facts), st.booleans(), max_size=3))
    _agrees(name, {"action": action, **chosen}, supposed)


@pytest.mark.parametrize("name", PAGES)
def test_each_field_alone_is_answered_as_the_query_answers(name: str) -> None:
    """Every act alone, and every act with each word of one other field, in full."""
    choices = _choices(PAGES[name][1])
    words = PAGES[name][0].program.vocabulary
    for action in choices["action"]:
        takes = words.takes(action)
        asked = [{"action": action}]
        asked += [{"action": action, d: w} for d in takes for w in choices[d] if w]
        for chosen in asked:
            policy, pages = PAGES[name]
            read = pages.answerer.read(chosen.items())
            exact = query(policy, _in_words(chosen))
            assert pages.answerer.answer(read).verdict == WORD[exact.verdict], chosen


@given(data=st.data())
@settings(deadline=None)
def test_what_a_part_of_an_answer_says_holds(data: st.DataObject) -> None:
    """Where the page says yes, a decision under what it names is yes; where it says no, none is."""
    policy, pages = PAGES["sample"]
    choices = _choices(pages)
    action = data.draw(st.sampled_from(choices["action"]))
    takes = policy.program.vocabulary.takes(action)
    chosen = {f: data.draw(st.sampled_from(choices[f])) for f in choices if f in takes}
    full = pages.answerer.answer(pages.answerer.read({"action": action, **chosen}.items()))
    for case in full.cases:
        assert case.decision.outcome == "allow"
    assert (full.verdict == "yes") == (not full.refusals)
    assert (full.verdict == "no") == (not full.cases)


@pytest.mark.parametrize(
    "asked",
    [
        "action=answer-erasure",
        "action=show-ad&data=gender",
        "action=collect&data=birth-date",
        "action=share",
    ],
)
def test_what_nobody_has_recorded_is_not_taken_for_a_no(asked: str) -> None:
    """Questions whose answer hangs on something are answered Sometimes, never No."""
    page = _client("sample").get(f"/privacy/ask?{asked}", headers={"accept": "text/html"}).text
    verdict = page.split('<p class="verdict">')[1].split("</p>")[0]
    assert "Sometimes:" in verdict
