"""A fact type is one class: what it brings is asked for wherever facts are read, decided and said.

That another type is one class more is shown by adding one: dates, which upheld does not have.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any

import ibis
import msgspec
import pyarrow as pa
import pytest
from typer.testing import CliRunner

import upheld
from upheld.api.authzen import schema
from upheld.cli import app
from upheld.policy.analyse.compare import compare
from upheld.policy.analyse.mutants import mutants
from upheld.policy.analyse.query import query
from upheld.policy.bulk.screen import screen
from upheld.policy.explain import explanation
from upheld.policy.fact_types import DEFAULT, FACT_TYPES, FormValue, OrderedType, fact_type, plain
from upheld.policy.load import Policy, pack, unpack
from upheld.policy.parse import parse_block
from upheld.policy.read_vocabulary import parse_vocabulary
from upheld.policy.reference import reference
from upheld.policy.syntax import print_block
from upheld.policy.vocabulary import Fact
from upheld.practices.notices.questions import QuestionAnswerer, RejectedQuestion

START = datetime(1970, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


class DateType(OrderedType):
    """A day or a moment, as ISO 8601 writes it; its points are days."""

    name, column_type, column_words = "date", "timestamp", "dates"
    nature = "is a date"
    literal = r"\d{4}-\d{2}-\d{2}(?![\w-])"
    text_pattern, text_words = r"[0-9]{4}-[0-9]{2}-[0-9]{2}", "a date such as 2026-01-31"

    __slots__ = ()

    def test_form(self) -> str:
        """How a rule tests the fact."""
        return f"a comparison, as in `{self.fact.name} >= 2026-01-31`"

    def value_form(self) -> str:
        """What a question may say."""
        return "a date"

    def accepts(self, value: object) -> bool:
        """Whether it is a date, with or without a time."""
        try:
            return isinstance(value, str) and self.exact(value) is not None
        except ValueError:
            return False

    def from_form(self, text: str) -> FormValue | None:
        """The date as it is."""
        return text if self.accepts(text) else None

    def point(self, text: str) -> Fraction:
        """Days since the first one."""
        return self.exact(text)

    def point_text(self, point: Fraction) -> str:
        """The day."""
        return self.column_point(point).date().isoformat()

    def exact(self, value: object) -> Fraction:
        """Days since the first one, with the part of the last."""
        moment = datetime.fromisoformat(str(value)).replace(tzinfo=UTC)
        return Fraction(int((moment - START) / timedelta(seconds=1)), 86_400)

    def value_at(self, point: Fraction) -> object:
        """A day, or a moment within one."""
        return str(self.column_point(point)).removesuffix(" 00:00:00")

    def column_point(self, point: Fraction) -> datetime:
        """A moment without a zone, as columns have it."""
        return (START + DAY * float(point)).replace(tzinfo=None)

    def phrase(self, label: str, comparison: str, text: str, unit: str) -> str:
        """What a comparison says."""
        words = {"<": "before", "<=": "not after", "=": "on", ">=": "not before", ">": "after"}
        return f"{label} is {words[comparison]} {text}{unit}"

    def steps(self, text: str) -> Iterator[str]:
        """The day after and the day before."""
        for step in (1, -1):
            yield self.point_text(self.point(text) + step)

    def fits_column(self, kind: Any) -> bool:
        """Whether a column holds moments or days."""
        return bool(kind.is_timestamp() or kind.is_date())


WORDS = """
extends = false
[action]
contact = {takes = ["purpose"], label = "write to you"}
[purpose]
offers = {label = "offers"}
[fact]
born = {type = "date", label = "your date of birth", proof = "birth-date"}
permission = {label = "you gave us permission"}
"""
RULE = "may contact for offers when born < 2008-01-01 and (permission or born <= 1990-05-01)\n"
TEXT = """---
policy: Dates
---

We write to you with offers if you are old enough. {#offers}

```rule
RULE```

```example
yes  contact for offers  given born = 1990-05-01
no   contact for offers  given born = 2008-01-01, permission
ask  contact for offers  given born = 2007-12-31
```
""".replace("RULE", RULE)
CONTACT = {"action": "contact", "purpose": "offers"}
BORN = ["1950-01-01", "1990-05-01", "1990-05-01T12:00", "1990-05-02", "2007-12-31", "2008-01-01"]
FIELDS = ("outcome", "clauses", "prove", "kind", "depends")


@pytest.fixture
def dates(monkeypatch: pytest.MonkeyPatch) -> Policy:
    """A policy that speaks of a date, once there is such a type."""
    monkeypatch.setitem(FACT_TYPES, DateType.name, DateType)
    return upheld.load_text(TEXT, vocabulary=WORDS)


def questions() -> Iterator[dict[str, Any]]:
    """Every question about offers, with each fact in each way."""
    for born, permission in product([None, *BORN], [None, True, False]):
        facts = {"born": born, "permission": permission}
        yield {**CONTACT, "facts": {n: v for n, v in facts.items() if v is not None}}


def test_a_type_that_is_not_there_is_an_error() -> None:
    """Without the class there are no dates, and the error lists the types that there are."""
    with pytest.raises(upheld.PolicyError, match="unknown type `date`") as caught:
        parse_vocabulary(f"# before there are dates\n{WORDS}")
    expected = "boolean or number; or one-of = [words]; or is = a formula"
    assert [fault.expected for fault in caught.value.faults] == [expected]


def test_a_date_is_parsed_and_printed_as_it_stands(dates: Policy) -> None:
    """A rule with a date prints as it was written, and a compiled policy is the same."""
    statements, mistakes = parse_block(RULE)
    assert (print_block(statements), mistakes) == (RULE, [])
    assert unpack(pack(dates), "dates") == dates.program


def test_examples_with_dates_are_checked(dates: Policy) -> None:
    """Each example of the document is answered as it says."""
    (clause,) = [each for each in dates.program.clauses if each.examples]
    assert [dates.example(each)[1] for each in clause.examples] == ["", "", ""]
    assert clause.examples[0].question.facts == {"born": "1990-05-01"}


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("born", "`born` is a date"),
        ("born is may-day", "`born` is a date"),
        ("born < 18", "`born` is a date"),
        ("born < 2008-13-01", "`born` is a date"),
        ("permission < 2008-01-01", "`permission` holds or does not"),
    ],
)
def test_a_test_that_a_date_does_not_have_is_an_error(
    dates: Policy, rule: str, message: str
) -> None:
    """The error says what the fact is."""
    assert dates.digest
    text = TEXT.replace(RULE, f"may contact when {rule}\n")
    with pytest.raises(upheld.PolicyError) as caught:
        upheld.load_text(text, vocabulary=WORDS)
    assert message in str(caught.value)


def test_dates_decide_as_the_reference_reads_them(dates: Policy) -> None:
    """Decisions, what must be proven and who says so are those of the naive evaluator."""
    for question in questions():
        answer, expected = dates.answer(question), reference(dates.program, question)
        for field in FIELDS:
            assert (answer.get(field) or None) == (expected.get(field) or None), (question, field)
    assert dates.answer(CONTACT)["prove"] == [
        ["born <= 1990-05-01"],
        ["born < 2008-01-01", "permission"],
    ]


@pytest.mark.parametrize("value", [True, 18, "tomorrow", ["1990-05-01"]])
def test_what_is_no_date_is_the_wrong_type(dates: Policy, value: object) -> None:
    """A question that says something else is an error, which says what is expected."""
    answer = dates.answer({**CONTACT, "facts": {"born": value}})
    assert (answer["outcome"], answer["code"]) == ("error", "wrong-type")
    assert answer["why"].endswith("expected a date")


def test_dates_are_analysed_exactly(dates: Policy) -> None:
    """A query says when, a comparison what changed, each with an example that is decided so."""
    result = query(dates, "contact for offers")
    assert result.verdict == "when"
    (case,) = result.cases
    assert case.decision.allowed
    assert dates.answer({**CONTACT, "facts": case.facts})["outcome"] == "allow"
    stricter = upheld.load_text(TEXT.replace("born < 2008", "born < 2007"), vocabulary=WORDS)
    changes = compare(dates, stricter).changes
    assert [change.kind for change in changes] == ["denied"]
    assert "your date of birth is" in str(changes[0].witness.text)
    facts = changes[0].witness.facts
    assert dates.answer({**CONTACT, "facts": facts})["outcome"] == "allow"
    assert stricter.answer({**CONTACT, "facts": facts})["outcome"] == "deny"
    moved = {each.text for each in mutants(dates) if each.kind == "number"}
    assert any(text.startswith("when born < 2008-01-01 → 2008-01-02 ") for text in moved)


def test_dates_are_said_in_sentences(dates: Policy) -> None:
    """An explanation says the comparison as the type does."""
    text = explanation(dates, CONTACT)["text"]
    assert "your date of birth is not after 1990-05-01" in text
    tree = explanation(dates, {**CONTACT, "facts": {"born": "1980-01-01"}}, "tree")["text"]
    assert "your date of birth is on 1980-01-01" in tree


def test_rows_with_dates_are_screened(dates: Policy) -> None:
    """A column of moments is answered row by row as one question at a time, both ways of asking."""
    rows = [q["facts"] for q in questions()]
    moments = [datetime.fromisoformat(r["born"]) if "born" in r else None for r in rows]
    columns = {
        "born": pa.array(moments, pa.timestamp("us")),
        "permission": pa.array([r.get("permission") for r in rows], pa.bool_()),
        "purpose": ["offers"] * len(rows),
        "row": list(range(len(rows))),
    }
    table = ibis.memtable(pa.table(columns))
    outcomes = [dates.answer({**CONTACT, "facts": facts})["outcome"] for facts in rows]
    for asked in (CONTACT, {"action": "contact"}):
        result = screen(dates, table, asked).order_by("row").to_pyarrow().to_pylist()
        assert [row["outcome"] for row in result] == outcomes
        allowed = screen(dates, table, asked, tell=["allowed"]).order_by("row").to_pyarrow()
        assert [row["allowed"] for row in allowed.to_pylist()] == [o == "allow" for o in outcomes]
    wrong = ibis.memtable(pa.table({"born": [18], "permission": [True]}))
    with pytest.raises(upheld.UpheldError, match="born") as caught:
        screen(dates, wrong, CONTACT)
    assert caught.value.hint == "expected dates"


def test_dates_are_read_from_csv(dates: Policy, tmp_path: Path) -> None:
    """The command reads a file of dates, and names the line of a value that is none."""
    (tmp_path / "policy.md").write_text(
        TEXT.replace("policy: Dates", "policy: Dates\nvocabulary: v.toml")
    )
    (tmp_path / "v.toml").write_text(WORDS)
    rows = tmp_path / "rows.csv"
    rows.write_text("born,permission\n1990-05-01,false\n2008-01-01,true\n,true\n")
    words = ["screen", str(tmp_path / "policy.md"), "contact for offers", "--rows", str(rows)]
    done = CliRunner().invoke(app, [*words, "--json"], catch_exceptions=False)
    counts = {"allow": 1, "deny": 1, "needs-proof": 1, "error": 0}
    assert msgspec.json.decode(done.output)["outcomes"] == counts
    assert dates.digest
    rows.write_text("born,permission\n1990-05-01,false\nmay,true\n")
    with pytest.raises(upheld.UpheldError, match="line 3: `born`") as caught:
        CliRunner().invoke(app, words, catch_exceptions=False)
    assert caught.value.hint == "expected a date such as 2026-01-31"


def test_a_form_takes_dates(dates: Policy) -> None:
    """The page that answers questions reads a date, links to one, and refuses what is none."""
    form = QuestionAnswerer(dates)
    for born, verdict in (("1990-05-01", "yes"), ("2008-01-01", "no"), ("2000-01-01", "sometimes")):
        question = form.read([*CONTACT.items(), ("fact.born", born)])
        assert form.answer(question).verdict == verdict
        assert f"fact.born={born}" in question.query()
    with pytest.raises(RejectedQuestion) as caught:
        form.read([*CONTACT.items(), ("fact.born", "18")])
    assert caught.value.remedy == "Expected a date."
    ways = schema((("born < 2008-01-01", "permission"),), dates.program.vocabulary.facts)
    assert ways["anyOf"][0]["properties"] == {
        "born": {"description": "born < 2008-01-01"},
        "permission": {"const": True},
    }


@pytest.mark.parametrize("kind", FACT_TYPES.values())
def test_each_type_reads_what_it_writes(kind: type[Any]) -> None:
    """A value of a type is accepted, is what its own test says, and has a place among values."""
    fact = Fact("it", kind.name, words=("one", "two"))
    own = fact_type(fact)
    value = own.any_value()
    assert own.accepts(value)
    if value is not False:
        test = own.test_of(value)
        assert own.holds(test, value)
        values = own.values({test})
        assert values.index(value) in values.holding(test)
        assert plain(values.sample(values.holding(test))) == plain(value)
    assert not own.accepts(None)
    assert own.from_form("–") is None
    assert own.test_form()
    assert own.value_form()
    assert own.form_words()
    assert DEFAULT in FACT_TYPES
