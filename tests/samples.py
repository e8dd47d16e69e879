"""A small vocabulary and clauses of it, for tests that need a policy."""

from __future__ import annotations

WORDS = """
extends = false
[action]
serve = {takes = []}
amend = {takes = []}
show-ad = {takes = ["data", "occasion"]}
[action.disclose]
takes = ["data", "recipient", "purpose", "occasion"]
share = {}
sell = {}
[data.contact]
email = {}
phone = {}
[data.payment]
card = {}
[party]
provider = {}
partner = {}
advertiser = {}
[purpose]
offers = {}
support = {}
[occasion]
visit = {}
[place]
home = {}
[fact]
agreed = {label = "you agreed", per = ["recipient"]}
due = {label = "you owe", absent = "no"}
age = {type = "number", unit = "years", label = "your age"}
residence = {one-of = ["here", "there"], label = "where you live"}
minor = {is = "age < 18"}
[duty]
quietly = {label = "quietly"}
[basis]
consent = {label = "your consent"}
contract = {label = "our contract"}
"""
FRONT = "---\npolicy: Test\n---\n"


def clause(rule: str, name: str = "a") -> str:
    """A clause with one rule block."""
    return f"Some prose. {{#{name}}}\n\n```rule\n{rule}\n```\n\n"
