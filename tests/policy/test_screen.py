"""The decision as columns of a table: row by row what `decide` says, on DuckDB.

Policies and questions are generated; a row is a question with facts, some of them unknown.
"""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import ibis
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import upheld
from laws.generators import case
from laws.wordlists import NUMBERS, WORDS
from samples import FRONT, clause
from samples import WORDS as SMALL
from sizes import size
from upheld.core.errors import MissingColumnsError
from upheld.policy.bulk import decision_table, lookup
from upheld.policy.bulk.screen import Masks, bindings, codes
from upheld.policy.vocabulary import DIMENSIONS

SAMPLE = Path(__file__).resolve().parents[2] / "policies/larch-valley.md"
ROWS = size("rows of a screened table", short=12, long=40)
ABSENT = ("permission", "publicly-available")
SEEDS = st.integers(min_value=0, max_value=2**32)
SHARE = {"action": "share", "data": "email"}
OFFERS = upheld.Request(
    "share", data="email", recipient="trusted-partner", purpose="offers", occasion="other"
)


@pytest.fixture(scope="module")
def sample() -> upheld.Policy:
    """The sample policy."""
    return upheld.load(SAMPLE)


def table(columns: dict[str, list[Any]]) -> Any:
    """Make a table whose rows are numbered, since an engine may give them in any order."""
    made = pa.table(columns)
    return ibis.memtable(made.append_column("row", pa.array(range(made.num_rows), pa.int64())))


def left_out(policy: upheld.Policy, data: Any, question: Any, **more: Any) -> list[str]:
    """What matters to a question and has no column, to be said to be absent."""
    try:
        bindings(policy, data, [question], **more)
    except MissingColumnsError as error:
        return error.words
    return []


def told(found: Any) -> list[tuple[str, bool, list[str]]]:
    """Read the three columns of each row."""
    rows = sorted(found.to_pyarrow().to_pylist(), key=lambda row: row["row"])
    return [
        (r["outcome"], r["allowed"], r["clause"].split(", ") if r["clause"] else []) for r in rows
    ]


def drawn(random: Random, kind: str, name: str) -> object:
    """Draw a value of a fact, or None for unknown."""
    if random.random() < 0.35:
        return None
    if kind == "number":
        points = [float(str(each).split()[0]) for each in NUMBERS[name]]
        return random.choice(points) + random.choice([-1.0, 0.0, 0.5, 1.0])
    return random.choice(WORDS[name]) if kind == "word" else random.random() < 0.6


def rows_of(
    random: Random, policy: upheld.Policy, question: dict[str, Any], count: int
) -> list[dict[str, Any]]:
    """Draw rows for a question: dimensions that it says or not, and every fact."""
    facts = policy.program.vocabulary.facts
    rows = []
    for _ in range(count):
        row: dict[str, Any] = {"action": question["action"]}
        if random.random() < 0.3:
            row["action"] = random.choice(sorted(policy.engine.checker.masks["action"]))
        for dimension in DIMENSIONS:
            words = question.get(dimension)
            words = [words] if isinstance(words, str) else list(words or [])
            tree = {"source": "party", "recipient": "party", "actor": "party"}
            known = sorted(policy.engine.checker.masks[tree.get(dimension, dimension)])
            word = random.choice([*words, *words, None, random.choice(known)])
            row[dimension] = word if words or random.random() < 0.2 else None
        for name, fact in facts.items():
            if fact.kind != "derived":
                row[name] = drawn(random, fact.kind, name)
        rows.append(row)
    return rows


def asked(policy: upheld.Policy, row: dict[str, Any]) -> upheld.Decision:
    """Ask about a row as about any other question."""
    said = {k: row[k] for k in ("action", *DIMENSIONS) if row.get(k) is not None}
    given_facts = {k: v for k, v in row.items() if k in policy.program.vocabulary.facts}
    return policy.ask({**said, "facts": {k: v for k, v in given_facts.items() if v is not None}})


def as_columns(rows: list[dict[str, Any]], policy: upheld.Policy) -> dict[str, Any]:
    """Rows as typed columns; facts as `a_b`."""
    kinds = {"boolean": pa.bool_(), "number": pa.float64(), "word": pa.string()}
    facts = policy.program.vocabulary.facts
    return {
        key.replace("-", "_"): pa.array(
            [row[key] for row in rows],
            kinds[facts[key].kind] if key in facts else pa.string(),
        )
        for key in rows[0]
    }


@settings(max_examples=size("policies that are screened", short=20, long=200))
@given(SEEDS, st.booleans())
def test_every_row_is_answered_as_decide_answers_it(seed: int, small: bool) -> None:
    """Terms and facts as columns, NULL among them; also in `small` steps, blocks and numbers."""
    made = case(seed)
    try:
        policy = upheld.load_text(made.text, vocabulary=made.vocabulary)
    except upheld.PolicyError:
        assume(False)
    rows = rows_of(made.random, policy, made.question(), ROWS)
    with pytest.MonkeyPatch.context() as patch:
        if small:
            patch.setattr(decision_table, "STEP_MAX", 6)
            patch.setattr(decision_table, "ROOM", 0)
            patch.setattr(lookup, "KEYS_MAX", 1 << 14)
            patch.setattr(lookup, "BITS_MAX", 6)
        found = told(policy.screen(table(as_columns(rows, policy)), {}))
    for row, (outcome, allowed, clauses) in zip(rows, found, strict=True):
        decision = asked(policy, row)
        assert (outcome, allowed, tuple(clauses)) == (
            decision.outcome,
            decision.allowed,
            decision.clauses,
        ), row


@settings(max_examples=size("questions that are screened", short=40, long=400))
@given(SEEDS)
def test_a_fixed_question_filters_the_rows_that_decide_allows(seed: int) -> None:
    """The condition keeps what every world allows, and the columns say the same."""
    made = case(seed)
    try:
        policy = upheld.load_text(made.text, vocabulary=made.vocabulary)
    except upheld.PolicyError:
        assume(False)
    question = made.question()
    assume(policy.ask({k: v for k, v in question.items() if k != "facts"}).outcome != "error")
    rows = rows_of(made.random, policy, question, ROWS)
    said = {k: v for k, v in question.items() if k in ("action", *DIMENSIONS)}
    facts = {k: [row[k] for row in rows] for k in rows[0] if k not in ("action", *DIMENSIONS)}
    columns = as_columns([{k: facts[k][n] for k in facts} for n in range(len(rows))], policy)
    decisions = [
        asked(policy, {**said, **{k: facts[k][n] for k in facts}}) for n in range(len(rows))
    ]
    data = table(columns)
    kept = data.filter(policy.where(said)).to_pyarrow()["row"].to_pylist()
    assert sorted(kept) == [n for n, each in enumerate(decisions) if each.allowed]
    assert told(policy.screen(data, said)) == [
        (each.outcome, each.allowed, list(each.clauses)) for each in decisions
    ]


def test_terms_may_be_small_integers_and_facts_one_mask(sample: upheld.Policy) -> None:
    """Codes and bits mean what the words mean."""
    facts = ["confidentiality-agreement", "publicly-available", "amount-due", "engaged"]
    recipients = ["trusted-partner", "collection-agent", "advertiser", "court"]
    data = codes(sample, "data")
    party = codes(sample, "recipient")
    rows = [(r, known, true) for r in recipients for known in range(16) for true in range(16)]
    told_rows = told(
        sample.screen(
            table(
                {
                    "data": pa.array([data["email"]] * len(rows), pa.int16()),
                    "recipient": pa.array([party[r] for r, _, _ in rows], pa.int16()),
                    "known": [known for _, known, _ in rows],
                    "true": [true for _, _, true in rows],
                }
            ),
            {"action": "share", "purpose": ["offers", "debt-collection"], "occasion": "other"},
            masks=Masks(facts, "true", "known"),
            absent=["payment-in-progress", "permission"],
        )
    )
    for (recipient, known, true), (outcome, _, clauses) in zip(rows, told_rows, strict=True):
        decision = sample.ask(
            {
                "action": "share",
                "data": "email",
                "recipient": recipient,
                "occasion": "other",
                "purpose": ["offers", "debt-collection"],
                "facts": {f: bool(true >> at & 1) for at, f in enumerate(facts) if known >> at & 1},
            }
        )
        assert (outcome, tuple(clauses)) == (decision.outcome, decision.clauses)


def test_the_condition_for_where_is_the_smallest(sample: upheld.Policy) -> None:
    """A fact that changes nothing is not asked for."""
    data = table({"confidentiality_agreement": [True], "publicly_available": [False], "age": [3]})
    text = str(ibis.to_sql(data.filter(sample.where(OFFERS, absent=["permission"]))))
    assert "confidentiality_agreement" in text.split("WHERE")[1]
    assert "publicly_available" not in text.split("WHERE")[1]


def test_a_row_with_an_unknown_word_or_an_impossible_value_is_refused_alone(
    sample: upheld.Policy,
) -> None:
    """One bad row costs no other row its answer."""
    data = table(
        {
            "action": ["serve", "sevre", None, "serve"],
            "age": [20.0, 20.0, 20.0, float("nan")],
        }
    )
    found = told(sample.screen(data, {}, absent=left_out(sample, data, {})))
    assert [outcome for outcome, _, _ in found] == ["allow", "error", "error", "error"]
    assert [allowed for _, allowed, _ in found] == [True, False, False, False]


def test_a_table_without_rows_has_the_columns_all_the_same(sample: upheld.Policy) -> None:
    """Nothing in, nothing out, in the same shape."""
    data = table({"confidentiality_agreement": pa.array([], pa.bool_())})
    found = sample.screen(data, OFFERS, absent=ABSENT).to_pyarrow()
    assert found.num_rows == 0
    assert found.column_names[2:] == ["outcome", "allowed", "clause"]


@pytest.mark.parametrize(
    ("columns", "more", "code"),
    [
        ({"confidentiality_agreement": ["yes"]}, {}, "wrong-type"),
        ({"allowed": [True]}, {}, "wrong-column"),
        ({"x": [1]}, {"columns": {"confidentiality-agreement": "y"}}, "missing-column"),
        ({"x": [1]}, {}, "missing-column"),
        ({"Confidentiality Agreement": [True]}, {}, "wrong-column"),
        ({"CONFIDENTIALITY_AGREEMENT": [True]}, {}, "wrong-column"),
        ({"confidentialityagreement": [True]}, {}, "wrong-column"),
        ({"confidentiality_agreement": [True], "Permission": [True]}, {}, "wrong-column"),
        ({"confidentiality_agreement": [True], "permission": [True]}, {}, "wrong-column"),
        ({"confidentiality_agreement": [True]}, {"absent": ["permissions"]}, "unknown-fact"),
        ({"x": [True]}, {"columns": {"confidential": "x"}}, "unknown-fact"),
        ({"a_b": [1], "engaged": [True]}, {"facts": {"engaged": 7}}, "wrong-type"),
        (
            {"confidentiality_agreement": [True], "confidentiality-agreement": [True]},
            {},
            "wrong-column",
        ),
    ],
)
def test_a_table_that_cannot_be_asked_about_is_refused_with_a_code(
    sample: upheld.Policy, columns: dict[str, list[Any]], more: dict[str, Any], code: str
) -> None:
    """A wrong column is told before anything runs."""
    with pytest.raises(upheld.RequestError) as caught:
        sample.screen(table(columns), OFFERS, **{"absent": ABSENT, **more})
    assert caught.value.code == code


def test_a_screen_composes_with_the_rest_of_a_query(sample: upheld.Policy) -> None:
    """The result is a table like any other."""
    data = table({"zip": ["1", "1", "2"], "confidentiality_agreement": [True, False, True]})
    found = (
        sample.screen(data, OFFERS, absent=ABSENT).group_by("zip").aggregate(n=ibis._.allowed.sum())
    )
    assert sorted(map(tuple, (r.values() for r in found.to_pyarrow().to_pylist()))) == [
        ("1", 1),
        ("2", 1),
    ]


def test_columns_declared_not_null_are_answered_alike(sample: upheld.Policy) -> None:
    """What the engine says is never left out needs no answer for rows that leave it out."""
    words = {d: sorted(codes(sample, d))[::3] for d in ("action", "data", "recipient", "purpose")}
    random = Random(4)  # noqa: S311 - rows of a test
    rows: dict[str, list[Any]] = {d: [random.choice(words[d]) for _ in range(300)] for d in words}
    rows |= {"row": list(range(300)), "engaged": [n % 2 == 0 for n in range(300)]}
    connection = ibis.duckdb.connect()
    connection.create_table("loose", pa.table(rows))
    connection.raw_sql("CREATE TABLE strict AS FROM loose")
    for name in words:
        connection.raw_sql(f"ALTER TABLE strict ALTER COLUMN {name} SET NOT NULL")
    strict, loose = (connection.table(name) for name in ("strict", "loose"))
    assert not strict.action.type().nullable
    absent = left_out(sample, loose, {})
    assert told(sample.screen(strict, {}, absent=absent)) == told(
        sample.screen(loose, {}, absent=absent)
    )


def many_facts(count: int) -> upheld.Policy:
    """A policy that allows an act where any of so many facts holds."""
    facts = [f"f{n}" for n in range(count)]
    return upheld.load_text(
        FRONT + clause("may share email when " + " or ".join(facts)),
        vocabulary=SMALL + "".join(f"[fact.{each}]\nlabel = '{each}'\n" for each in facts),
    )


def test_what_is_told_exactly_ends_where_the_documentation_says() -> None:
    """Eleven facts that decide one thing together are told for each row; of twelve, none is."""
    for count, outcomes in ((11, ["allow", "needs-proof", "deny"]), (12, ["error"] * 3)):
        policy = many_facts(count)
        rows: dict[str, list[Any]] = {f"f{n}": [False, None, False] for n in range(count)}
        rows["f7"] = [True, None, False]
        for question, more in ((SHARE, {}), ({**SHARE, "data": None}, {"data": ["email"] * 3})):
            said = {key: word for key, word in question.items() if word}
            found = told(policy.screen(table({**rows, **more}), said))
            assert [outcome for outcome, _, _ in found] == outcomes
            assert [allowed for _, allowed, _ in found] == [o == "allow" for o in outcomes]
        assert table(rows).filter(policy.where(SHARE)).to_pyarrow()["row"].to_pylist() == [0]


def test_many_facts_are_told_where_each_thing_rests_on_a_few(sample: upheld.Policy) -> None:
    """Rows that leave words out rest on all facts at once; none of them goes without an answer."""
    random = Random(8)  # noqa: S311 - rows of a test
    facts = sample.program.vocabulary.facts
    said: dict[str, list[str | None]] = {
        "action": ["share", "use", "disclose"],
        "data": ["email", "balance", None],
        "recipient": ["trusted-partner", "court", None],
        "purpose": [None, "offers"],
        "occasion": [None],
        "source": [None],
        "place": [None],
    }
    rows: list[dict[str, Any]] = []
    for _ in range(60):
        row: dict[str, Any] = {dimension: random.choice(words) for dimension, words in said.items()}
        row |= {
            name: random.choice([True, False, None])
            for name, fact in facts.items()
            if fact.kind == "boolean"
        }
        rows.append(row)
    decisions = [asked(sample, row) for row in rows]
    data = table(as_columns(rows, sample))
    assert told(sample.screen(data, {}, absent=left_out(sample, data, {}))) == [
        (each.outcome, each.allowed, list(each.clauses)) for each in decisions
    ]
