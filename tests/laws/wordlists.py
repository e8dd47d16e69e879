"""The words that generated policies are made of."""

from __future__ import annotations

POOLS = {
    "data": ("personal", "contact", "email", "phone", "usage", "clicks"),
    "party": ("provider", "outsider", "partner", "agent", "advertiser"),
    "purpose": ("care", "offers", "billing", "study"),
    "occasion": ("visit", "ad-click", "sign-up"),
    "place": ("union", "abroad"),
}
TREE = {
    "data": "data",
    "source": "party",
    "recipient": "party",
    "actor": "party",
    "purpose": "purpose",
    "occasion": "occasion",
    "place": "place",
}
WORD = {
    "source": "from",
    "recipient": "to",
    "actor": "by",
    "purpose": "for",
    "occasion": "at",
    "place": "in",
}
FACTS = {
    "paid": 'label = "you paid"',
    "asked": 'label = "you asked"',
    "listed": 'label = "you are listed", absent = "no"',
    "permission": 'label = "you agreed", per = [PER]',
    "refusal": 'label = "you refused", per = [PER], absent = "no"',
    "age": 'label = "your age", type = "number", unit = "years"',
    "delay": 'label = "the delay", type = "number", unit = "days"',
    "rate": 'label = "the rate", type = "number", unit = "percent"',
    "score": 'label = "the score", type = "number"',
    "home": 'label = "where you live", one-of = ["north", "south", "east", "west"]',
    "plan": 'label = "your plan", one-of = ["free", "full"]',
}
NUMBERS = {
    "age": ("13", "18", "18 years", "150 months", "216 months", "1.5 years"),
    "delay": ("1", "1 day", "1 hour", "2 days", "36 hours", "48 hours", "0.5"),
    "rate": ("10", "12.5 percent", "0.5"),
    "score": ("0", "3", "2.25"),
}
GIVEN = {
    "age": (12.5, 13, 15, 18, 18.0, 40, 1.5, -1),
    "delay": (0, 0.04, 0.5, 1, 1.5, 2, 9),
    "rate": (0.5, 10, 12.5, 12.75),
    "score": (-1, 0, 2.25, 2.5, 3, 4),
}
WORDS = {"home": ("north", "south", "east", "west"), "plan": ("free", "full")}
DUTIES = ("sealed", "grouped", "brief")
BASES = ("contract", "consent", "duty-by-law")
