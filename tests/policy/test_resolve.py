"""Which rule an exception belongs to, what stands in for a severed clause, and who may act."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

import upheld
from samples import FRONT, WORDS, clause
from upheld.policy.load import Policy

WORDS += """
[action.look]
takes = ["data", "actor"]
view = {}
"""


def policy(body: str) -> Policy:
    """A policy of the small vocabulary."""
    return upheld.load_text(FRONT + body, vocabulary=WORDS)


def told(
    body: str, action: str, facts: Mapping[str, object] | None = None, /, **said: str
) -> tuple[str, tuple[str, ...]]:
    """Outcome and clauses of one question."""
    decision = policy(body).ask({"action": action, **said, "facts": facts or {}})
    return decision.outcome, decision.clauses


def item(rule: str, name: str, indent: str = "") -> str:
    """A list item with a rule block."""
    lines = "\n".join(f"{indent}  {line}" for line in ["```rule", *rule.split("\n"), "```"])
    return f"{indent}- an item {{#{name}}}\n\n{lines}\n\n"


EMAIL = {"data": "email", "recipient": "partner", "purpose": "offers", "occasion": "visit"}


def test_an_exception_in_a_list_belongs_to_each_rule_of_the_introducing_clause() -> None:
    """Two rules introduce the list; the item's exception is one to both."""
    body = clause("may not share email\nmay not sell email") + item("except may when due", "b")
    assert told(body, "share", {"due": True}, **EMAIL) == ("allow", ("b",))
    assert told(body, "sell", {"due": True}, **EMAIL) == ("allow", ("b",))


def test_a_nested_list_reaches_outwards_where_its_introduction_has_no_rules() -> None:
    """An item without rules passes its sublist on to what introduces it."""
    body = clause("may not share email") + "- an item without rules\n\n"
    body += item("except may when due", "c", "  ")
    assert told(body, "share", {"due": True}, **EMAIL) == ("allow", ("c",))


def test_a_nested_list_belongs_to_the_item_that_introduces_it() -> None:
    """An exception to an exception decides within it."""
    body = clause("may not share email") + item("except may for offers", "b")
    body += item("except may not when due", "c", "  ")
    assert told(body, "share", {"due": True}, **EMAIL) == ("deny", ("c",))
    assert told(body, "share", {"due": False}, **EMAIL) == ("allow", ("b",))


def test_several_blocks_after_a_clause_are_all_introduced() -> None:
    """It does not matter in which block of the clause the rule stands."""
    body = clause("may not share email") + "```rule\nmay not sell email\n```\n\n"
    body += item("except may when due", "b")
    assert told(body, "sell", {"due": True}, **EMAIL) == ("allow", ("b",))


def test_an_exception_by_id_starts_anew() -> None:
    """It belongs to the clause named, not to the rule before it."""
    body = clause("may not share email") + clause("may amend\nexcept #a may when due", "b")
    assert told(body, "share", {"due": True}, **EMAIL) == ("allow", ("b",))
    assert told(body, "amend", {"due": True}) == ("allow", ("b",))


def test_an_exception_by_id_reaches_exceptions_that_start_a_block() -> None:
    """The rules of a clause include the exceptions that stand at the start of its blocks."""
    body = clause("may not share email") + clause("except #a may for offers", "b")
    body += clause("except #b may not when due", "c")
    assert told(body, "share", {"due": True}, **EMAIL) == ("deny", ("c",))


def test_the_exceptions_of_a_severed_clause_stand_in_its_place() -> None:
    """Within its scope and its condition, as rules of their own."""
    severed = "Struck. {#a .severed}\n\n```rule\nmay not share email when agreed\n```\n\n"
    body = severed + clause("except #a may share for offers when due", "b")
    given = {"agreed": True, "due": True}
    assert told(body, "share", given, **EMAIL) == ("allow", ("b",))
    assert told(body, "share", {**given, "agreed": False}, **EMAIL) == ("deny", ())
    assert told(body, "share", given, **{**EMAIL, "data": "phone"}) == ("deny", ())


def test_a_severed_exception_leaves_its_exceptions_to_what_it_excepted() -> None:
    """They become exceptions to the rule above, within the severed one."""
    body = clause("may not share email")
    body += "Struck. {#b .severed}\n\n```rule\nexcept #a may for offers\n```\n\n"
    body += clause("except #b may when due", "c")
    assert told(body, "share", {"due": True}, **EMAIL) == ("allow", ("c",))
    assert told(body, "share", {"due": False}, **EMAIL) == ("deny", ("a",))
    assert told(body, "share", {"due": True}, **{**EMAIL, "purpose": "support"})[0] == "deny"


def test_a_lift_goes_with_what_it_lifted() -> None:
    """A lift of a severed rule lifts nothing else, and what belongs to the lift goes too."""
    body = clause("may not share email")
    body += "Struck. {#b .severed}\n\n```rule\nexcept #a may for offers\n```\n\n"
    body += clause("except #b when due", "c") + clause("except #c may share", "d")
    assert told(body, "share", {"due": True}, **EMAIL) == ("deny", ("a",))


def test_definitions_of_a_severed_clause_stay() -> None:
    """Other clauses may go on using the words that it introduced."""
    body = "Struck. {#a .severed}\n\n```rule\ndefine reach as email, phone\n```\n\n"
    assert told(body + clause("may share reach", "b"), "share", {}, **EMAIL) == ("allow", ("b",))


def test_whoever_allows_without_saying_who_allows_the_provider() -> None:
    """The same words deny everyone when they deny."""
    body = clause("may view email") + clause("may not view phone", "b")
    assert told(body, "view", data="email", actor="provider") == ("allow", ("a",))
    assert told(body, "view", data="email", actor="partner") == ("deny", ())
    assert told(body, "view", data="phone", actor="partner") == ("deny", ("b",))


def test_an_exception_to_a_rule_that_names_an_actor_holds_for_that_actor() -> None:
    """The provider is supposed only where nobody is named above."""
    body = clause("may not view email by partner\n  except may when due")
    assert told(body, "view", {"due": True}, data="email", actor="partner") == ("allow", ("a",))
    body = clause("may not view email\n  except may when due")
    assert told(body, "view", {"due": True}, data="email", actor="partner") == ("deny", ("a",))


def test_an_exception_without_actions_reaches_those_that_take_what_it_names() -> None:
    """A purpose narrows the exception to actions that have one."""
    body = clause("may not look, share email\n  except may for offers")
    assert told(body, "share", {}, **EMAIL) == ("allow", ("a",))
    assert told(body, "view", data="email") == ("deny", ("a",))


def test_an_exception_to_two_clauses_must_meet_each() -> None:
    """Naming a clause that it cannot meet is a slip, and is told."""
    body = clause("may not share email") + clause("may not sell email", "b")
    with pytest.raises(upheld.PolicyError, match="exception-cannot-meet"):
        policy(body + clause("except #a, #b may share when due", "c"))


def test_the_other_leaves_belong_to_no_child() -> None:
    """Naming all children of a term is less than naming the term."""
    body = clause("may share email, phone") + clause("may sell contact", "b")
    assert told(body, "share", {}, **{**EMAIL, "data": "contact"})[0] == "deny"
    assert told(body, "share", {}, **{**EMAIL, "data": "contact/other"})[0] == "deny"
    assert told(body, "sell", {}, **{**EMAIL, "data": "contact"})[0] == "allow"
