"""The same columns on every engine: DuckDB, Spark and PostgreSQL, row by row what `decide` says.

Generated policies, and rows of every kind: words and facts as columns with NULL among them, words
as small integers, facts as masks. The large run repeats some thousand different rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import upheld
from gate.versions import NARROWER, version
from laws.generators import case
from policy.test_screen import SAMPLE, as_columns, asked, left_out, rows_of, told
from policy.test_screen_versions import under_theirs
from sizes import size
from upheld.core.errors import MissingColumnsError
from upheld.policy.bulk.screen import Masks, bindings, codes
from upheld.policy.bulk.versions import screen_versions
from upheld.policy.vocabulary import DIMENSIONS

POLICIES = size("policies on each engine", short=2, long=12)
ROWS = size("rows on each engine, of a policy", short=100, long=400)
SUPPORT = "may use identity, contact-details, services, messages, usage for support"
CITED = (SUPPORT, f"{SUPPORT}\n  may use activity for service-improvement")  # by two clauses
MANY = size("rows of the large table on each engine", short=20_000, long=2_000_000)
ENGINES = ["duckdb", "spark", "postgresql"]
LARGE_ON = ENGINES[: size("engines that answer the large table", short=1, long=3)]
pytestmark = [  # PySpark's own, on its way out
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
Table = Callable[[pa.Table], Any]


@pytest.fixture(params=ENGINES)
def loaded(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Table]:
    """Make a table of an engine."""
    number = iter(range(1_000))

    def parquet(connection: Any) -> Table:
        def make(rows: pa.Table) -> Any:
            path = tmp_path / f"{next(number)}.parquet"
            pq.write_table(rows, path)
            return connection.read_parquet(str(path))

        return make

    if request.param == "duckdb":
        yield parquet(ibis.duckdb.connect())
    elif request.param == "spark":
        yield parquet(request.getfixturevalue("spark"))
    else:
        connection = ibis.connect(request.getfixturevalue("postgres_url"))

        def make(rows: pa.Table) -> Any:
            return connection.create_table(f"rows{next(number)}", rows)

        yield make
        connection.disconnect()


def numbered(columns: dict[str, Any]) -> pa.Table:
    """Make rows with their number."""
    made = pa.table(columns)
    return made.append_column("row", pa.array(range(made.num_rows), pa.int64()))


def answers(found: Any) -> list[tuple[str, bool, str]]:
    """Read the answers in the order of the rows."""
    rows = sorted(found.to_pyarrow().to_pylist(), key=lambda row: row["row"])
    return [(row["outcome"], row["allowed"], row["clause"]) for row in rows]


def said(decision: upheld.Decision) -> tuple[str, bool, str]:
    """A decision as a row tells it."""
    return decision.outcome, decision.allowed, ", ".join(decision.clauses)


def policies() -> Iterator[tuple[upheld.Policy, Any]]:
    """Generated policies, each with what it was made of."""
    seed = 1
    for _ in range(POLICIES):
        while True:
            seed += 1
            made = case(seed)
            try:
                policy = upheld.load_text(made.text, vocabulary=made.vocabulary)
            except upheld.PolicyError:
                continue
            break
        yield policy, made


def test_rows_that_say_words_and_facts_are_answered_as_decide_answers_them(loaded: Table) -> None:
    """Words as text, facts as columns."""
    for policy, made in policies():
        rows = rows_of(made.random, policy, made.question(), ROWS)
        found = answers(policy.screen(loaded(numbered(as_columns(rows, policy))), {}))
        assert found == [said(asked(policy, row)) for row in rows]


def test_a_fixed_question_is_answered_and_filtered_alike(loaded: Table) -> None:
    """The same question for every row, with its facts as columns."""
    done = 0
    for policy, made in policies():
        question = made.question()
        words = {k: v for k, v in question.items() if k in ("action", *DIMENSIONS)}
        if policy.ask(words).outcome == "error":
            continue
        rows = rows_of(made.random, policy, question, ROWS)
        facts = [{k: v for k, v in row.items() if k not in ("action", *DIMENSIONS)} for row in rows]
        decisions = [asked(policy, {**words, **each}) for each in facts]
        table = loaded(numbered(as_columns(facts, policy)))
        assert answers(policy.screen(table, words)) == [said(each) for each in decisions]
        kept = table.filter(policy.where(words)).to_pyarrow()["row"].to_pylist()
        assert sorted(kept) == [n for n, each in enumerate(decisions) if each.allowed]
        done += 1
    assert done


@pytest.mark.parametrize("loaded", LARGE_ON, indirect=True)
def test_many_rows_of_small_integers_and_masks_are_answered_as_decide_answers_them(
    loaded: Table,
) -> None:
    """Each of the different rows has one answer however often it stands there."""
    policy = upheld.load(SAMPLE)
    random = Random(3)  # noqa: S311 - rows of a test
    facts = sorted(n for n, f in policy.program.vocabulary.facts.items() if f.kind == "boolean")
    words = {d: codes(policy, d) for d in ("action", "data", "recipient", "purpose", "occasion")}
    common = {"action": ["share", "share", "use", "sell"], "data": ["email", "name", "balance"]}
    different = []
    for _ in range(min(MANY, 2_000)):
        row: dict[str, Any] = {d: random.choice(common.get(d, sorted(words[d]))) for d in words}
        if row["action"] == "use":
            row["recipient"] = row["occasion"] = None
        row["true"], row["known"] = (random.getrandbits(len(facts)) for _ in range(2))
        different.append(row)
    rows = {
        d: pa.array([None if r[d] is None else of[r[d]] for r in different], pa.int16())
        for d, of in words.items()
    }
    rows |= {d: pa.array([r[d] for r in different], pa.int64()) for d in ("true", "known")}
    table = numbered(rows)
    many = pa.concat_tables([table] * (MANY // table.num_rows))
    masks, data = Masks(facts, "true", "known"), loaded(many)
    with pytest.raises(MissingColumnsError) as caught:
        bindings(policy, data, [None], masks=masks)
    screened = policy.screen(data, None, masks=masks, absent=caught.value.words)
    found = (
        screened.group_by(["row", "outcome", "allowed", "clause"])
        .aggregate(count=screened.count())
        .to_pyarrow()
        .to_pylist()
    )
    assert {each["count"] for each in found} == {MANY // table.num_rows}
    told = {each["row"]: (each["outcome"], each["allowed"], each["clause"]) for each in found}
    assert len(found) == len(told) == table.num_rows
    for at, row in enumerate(different):
        known = {
            f: bool(row["true"] >> n & 1) for n, f in enumerate(facts) if row["known"] >> n & 1
        }
        decision = policy.ask({**{d: row[d] for d in words if row[d] is not None}, "facts": known})
        assert told[at] == said(decision), row


def test_each_row_is_answered_as_the_versions_that_matter_for_it_answer(loaded: Table) -> None:
    """The strictest of them, and where all allow it the clauses of all, each once."""
    versions = [version("one", NARROWER), version("two"), version("three", CITED)]
    names = ["one", "two", "three", None]
    data = loaded(pa.table({"version": names, "row": [0, 1, 2, 3]}))
    cited = []
    for field in ("messages", "activity"):
        question = {"action": "use", "data": field, "purpose": "service-improvement"}
        absent = left_out(versions[-1], data, question)
        rows = told(screen_versions(versions, data, question, bound="version", absent=absent))
        digests = [versions[at].digest for at in (0, 1, 2, 0)]
        assert rows == [under_theirs(versions, digest, question) for digest in digests]
        cited.append(rows[0][1:])
    (allows_messages, _), (allows_activity, clauses) = cited
    assert (allows_messages, allows_activity) == (False, True)
    assert clauses == ["improving", "support-use"]
