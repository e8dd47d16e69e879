"""The obvious evaluator, on policies small enough to work out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from upheld.policy.program import (
    ALWAYS,
    Alternative,
    Condition,
    DutyDue,
    Either,
    Every,
    FactTest,
    Front,
    Negation,
    Node,
    Program,
)
from upheld.policy.read_vocabulary import parse_vocabulary
from upheld.policy.reference import reference

VOCABULARY = parse_vocabulary("""
extends = false
[action]
share = {takes = ["data", "recipient"]}
serve = {takes = []}
[data.contact]
email = {}
phone = {}
[party]
provider = {}
partner = {}
[fact]
paid = {label = "you paid"}
asked = {label = "you asked"}
listed = {label = "you are listed", absent = "no"}
permission = {label = "you agreed", per = ["data"]}
age = {type = "number", unit = "years", label = "your age"}
rate = {type = "number", unit = "percent", label = "the rate"}
home = {one-of = ["north", "south", "east", "west"], label = "where you live"}
[duty]
sealed = {}
group = {}
""")
WHOLE: dict[str, tuple[str, ...]] = {}


def fact(name: str, comparison: str = "", number: str = "") -> FactTest:
    """Name a fact, or compare it."""
    return FactTest(name, comparison, number)


def home(word: str) -> FactTest:
    """Say where somebody lives."""
    return FactTest("home", "is", "", word)


def rule(clause: str, verb: str, when: Condition = ALWAYS, **more: Any) -> Node:
    """Make a rule about serving, or about sharing where a scope is given."""
    scope = more.pop("scope", None)
    copy = Alternative(("serve",) if scope is None else ("share",), scope or WHOLE, when)
    effect = {"may": "allow", "must": "allow", "may not": "deny", "": "lift"}[verb]
    return Node(clause, verb, effect, (copy,), **more)


def ask(*nodes: Node, action: str = "serve", **question: Any) -> dict[str, Any]:
    """Ask whether an act is allowed by a policy of these rules."""
    program = Program(
        front=Front(policy="Test"),
        digest="",
        source="",
        vocabulary=VOCABULARY,
        clauses=(),
        inserts=(),
        definitions={},
        nodes=nodes,
    )
    return reference(program, {"action": action, **question})


def test_silence_denies() -> None:
    """What no rule speaks of is denied, and no clause is cited."""
    answer = ask()
    assert (answer["outcome"], answer["kind"], answer["clauses"]) == ("deny", "silence", [])


def test_an_exception_decides_before_its_rule_and_denying_ones_before_allowing_ones() -> None:
    """All exceptions that deny are cited, and neither their rule nor those that allow."""
    answer = ask(
        rule("top", "may"),
        rule("a", "may not", parents=(0,)),
        rule("b", "may not", parents=(0,)),
        rule("c", "may", parents=(0,)),
    )
    assert (answer["outcome"], answer["clauses"]) == ("deny", ["a", "b"])


def test_the_deepest_exception_is_cited() -> None:
    """An exception to an exception decides in its place and is what is cited."""
    nodes = (
        rule("top", "may not"),
        rule("middle", "may", parents=(0,)),
        rule("deep", "may not", fact("asked"), parents=(1,)),
    )
    assert ask(*nodes, facts={"asked": True})["clauses"] == ["deep"]
    assert ask(*nodes, facts={"asked": False})["clauses"] == ["middle"]


def test_a_lift_leaves_the_word_to_other_rules() -> None:
    """A lifted rule says nothing, and a lifted lift lifts nothing."""
    lifted = (rule("top", "may not"), rule("lift", "", parents=(0,)), rule("grant", "may"))
    assert ask(*lifted)["clauses"] == ["grant"]
    again = (*lifted, rule("again", "", parents=(1,)))
    assert ask(*again)["clauses"] == ["top"]


def test_a_clause_is_cited_in_all_worlds_or_else_in_some() -> None:
    """A clause that decides however the facts turn out is cited alone; if none does, all are."""
    paid, unpaid = rule("paid", "may", fact("paid")), rule("unpaid", "may", Negation(fact("paid")))
    assert ask(paid, unpaid)["clauses"] == ["paid", "unpaid"]
    assert ask(paid, unpaid, rule("always", "may"))["clauses"] == ["always"]


def test_what_is_owed_follows_applying_and_not_deciding() -> None:
    """A must is owed wherever no exception of it applies, even one that itself says nothing."""
    must = rule("must", "must", within=("30", "days"))
    lift = rule("lift", "", fact("asked"), parents=(0,))
    relift = rule("relift", "", parents=(1,))
    owed = {"clause": "must", "amount": 30, "unit": "days"}
    assert ask(must)["owed"] == [{**owed, "certain": True}]
    assert ask(must, lift, relift)["owed"] == [owed]
    assert ask(must, lift, relift, facts={"asked": True})["owed"] == []


def test_what_is_owed_stands_beside_a_denial() -> None:
    """A must that another clause denies is still listed, and without a time has no amount."""
    answer = ask(rule("must", "must"), rule("no", "may not"))
    assert answer["outcome"] == "deny"
    assert answer["owed"] == [{"clause": "must", "certain": True}]


def test_duties_are_those_of_whatever_allows_in_some_world() -> None:
    """Not proving a fact never sheds a duty; a rule that an exception decides for adds none."""
    nodes = (
        rule("a", "may", duties=(DutyDue("sealed"),)),
        rule("b", "may", fact("paid"), duties=(DutyDue("group", "10"),)),
        rule("c", "may", fact("listed"), duties=(DutyDue("group", "0.5", "days"),)),
    )
    both = [{"duty": "group", "amount": 10}, {"duty": "sealed"}]
    assert ask(*nodes)["duties"] == both
    assert ask(*nodes, facts={"paid": False})["duties"] == both[1:]
    listed = ask(*nodes, facts={"paid": False, "listed": True})
    assert listed["duties"] == [{"duty": "group", "amount": 0.5, "unit": "days"}, both[1]]
    assert ask(rule("no", "may not"), *nodes)["duties"] == []


@pytest.mark.parametrize(
    ("condition", "prove"),
    [
        (fact("paid"), [["paid"]]),
        (Negation(fact("paid")), [["not paid"]]),
        (
            Either((fact("paid"), Every((fact("asked"), fact("age", ">=", "18"))))),
            [["paid"], ["age >= 18", "asked"]],
        ),
        (Every((fact("age", ">", "13"), fact("age", "<=", "18"))), [["age <= 18", "age > 13"]]),
        (fact("age", "=", "18"), [["age = 18"]]),
        (Negation(fact("age", "=", "18")), [["age < 18"], ["age > 18"]]),
        (fact("age", "<", "3/2"), [["age < 18 months"]]),
        (fact("rate", "<", "1/2"), [["rate < 0.5"]]),
        (home("north"), [["home is north"]]),
        (
            Negation(Either((home("north"), home("south")))),
            [["not home is north", "not home is south"]],
        ),
        (Either((home("north"), home("south"))), [["home is north"], ["home is south"]]),
    ],
)
def test_prove_lists_the_smallest_sets_of_facts(
    condition: Condition, prove: list[list[str]]
) -> None:
    """What would settle a question is said in literals, the shortest sets first."""
    answer = ask(rule("a", "may", condition))
    assert (answer["outcome"], answer["kind"]) == ("needs-proof", "proof")
    assert answer["prove"] == prove


def test_a_fact_in_parts_holds_where_a_part_covers() -> None:
    """A part that says no wins, the rest is what `rest` says, and without one it is unknown."""
    share = rule("a", "may", fact("permission"), scope=WHOLE)
    parts: list[dict[str, Any]] = [{"data": "contact"}, {"data": ["phone"], "holds": False}]

    def outcome(data: str, *more: dict[str, Any]) -> str:
        facts = {"permission": [*parts, *more]}
        return str(ask(share, action="share", data=data, facts=facts)["outcome"])

    assert outcome("email") == outcome("contact/other") == "allow"
    assert outcome("phone") == outcome("contact") == "deny"
    assert outcome("other") == "needs-proof"
    assert outcome("other", {"rest": True}) == "allow"
    assert outcome("other", {"rest": False}) == "deny"


def test_a_denial_cites_what_no_world_allows_or_else_what_some_world_denies() -> None:
    """Cells that could be allowed are silent about a denial as long as others never could."""
    never = rule("never", "may not", scope={"data": ("phone",)})
    paid = rule("paid", "may not", fact("paid"), scope={"data": ("email",)})
    unpaid = rule("unpaid", "may not", Negation(fact("paid")), scope={"data": ("contact/other",)})
    grant = rule("grant", "may", scope=WHOLE)
    asked = {"action": "share", "data": "contact"}
    assert ask(grant, never, paid, **asked)["clauses"] == ["never"]
    answer = ask(grant, paid, unpaid, **asked)
    assert (answer["outcome"], answer["clauses"]) == ("deny", ["paid", "unpaid"])


def test_a_gate_lets_through_where_one_of_its_copies_applies() -> None:
    """A rule in the place of a severed one keeps to the severed one's scope and condition."""
    gate = (
        Alternative(("serve",), WHOLE, fact("paid")),
        Alternative(("serve",), WHOLE, fact("asked")),
    )
    answer = ask(rule("a", "may", gates=(gate,)))
    assert answer["prove"] == [["asked"], ["paid"]]


def test_a_dimension_left_out_is_named_where_saying_it_would_allow() -> None:
    """An answer says which leaves of a dimension that was left out cost it the allow."""
    answer = ask(rule("a", "may", scope={"data": ("email", "phone")}), action="share")
    assert answer["depends"] == {"data": ["contact/other", "other"]}
