"""English grammar for labels: their contraries, what is said of numbers, and who is speaking.

Labels of facts are clauses ("you opted out"), labels of terms are phrases ("your browser"). What
these functions cannot turn with certainty they leave in words that are right, if plainer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fractions import Fraction

BE = r"is|are|was|were|am|has been|have been|has|have|had|may|must|can|will|should"
PRONOUNS = r"you|we|they|I|it|he|she|nobody|everybody"
PARTICIPLES = {
    "gave": "given",
    "told": "told",
    "took": "taken",
    "saw": "seen",
    "wrote": "written",
    "chose": "chosen",
    "made": "made",
    "match": "match",
    "sent": "sent",
    "left": "left",
    "paid": "paid",
    "went": "gone",
    "came": "come",
    "bought": "bought",
}
VERBS = {
    "owns": "own",
    "supervises": "supervise",
    "sends": "send",
    "obliges": "oblige",
    "forbids": "forbid",
    "asks": "ask",
    "needs": "need",
    "uses": "use",
    "demands": "demand",
    "concerns": "concern",
    "covers": "cover",
    "lets": "let",
}
BASE = ("owe", "own", "need", "want", "use", "ask", "live", "work", "agree", "pay")
HEAD = rf"(?:your|our|my|the|their)(?: own)?(?: (?!(?:{PRONOUNS}|that|who|which)\b)[a-z-]+)"
VERB = rf"[a-z]+ed|{'|'.join((*PARTICIPLES, *VERBS, *BASE))}"
STARTS = re.compile(
    rf"(?P<who>{PRONOUNS}|{HEAD}{{1,2}}?) (?P<verb>{VERB})(?P<rest> .*|)", re.DOTALL
)
COMES = re.compile(rf"(?P<who>{PRONOUNS}|{HEAD}{{1,3}}?) (?P<be>{BE})(?P<rest> .*|)", re.DOTALL)
NO = re.compile(r"(?:a|an) (?P<rest>.+)", re.DOTALL)
TWO = re.compile(r" (?:and|or|but|unless|if) ")
PERFECT = frozenset(("you", "we", "they", "I"))
AGES = {
    "<": "{who} under {n}",
    "<=": "{who} {n} or younger",
    "=": "{who} exactly {n}",
    ">=": "{who} {n} or over",
    ">": "{who} over {n}",
}
LOWEST = re.compile(r"(?:you are|I am) (?:\S+ or over|over \S+)")
HIGHEST = re.compile(r"(?:you are|I am) (?:\S+ or younger|under \S+)")
PASSED = {
    "<": "less than {n}",
    "<=": "no more than {n}",
    "=": "exactly {n}",
    ">=": "at least {n}",
    ">": "more than {n}",
}
YEAR = 12
COMPARISONS = {"<": "under", "<=": "at most", "=": "exactly", ">=": "at least", ">": "over"}
OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}


def word_list(words: Iterable[str], joint: str = "or") -> str:
    """`a`, `a or b`, `a, b or c`."""
    *most, last = list(words) or [""]
    return f"{', '.join(most)} {joint} {last}" if most else last


def another(label: str) -> str:
    """The rest of a group: `another authority`, `other details`, `other parts of who you are`."""
    if label.startswith("other"):
        return label
    if label in ("anybody else", "anyone else"):
        return "others"
    if label.startswith(("what ", "who ", "the ")):
        return f"other parts of {label}"
    for article in ("a ", "an "):
        if label.startswith(article):
            return f"another {label.removeprefix(article)}"
    return f"other {label}"


def contrary(label: str) -> str:
    """The contrary of a clause: `you have not opted out` of `you opted out`."""
    if TWO.search(label):
        return _untrue(label)
    if match := NO.fullmatch(label):
        return f"no {match['rest']}"
    if label.startswith("something "):
        return f"nothing {label.removeprefix('something ')}"
    if match := COMES.fullmatch(label):
        return _not(match["who"], match["be"], match["rest"])
    if match := STARTS.fullmatch(label):
        who, verb, rest = match["who"], match["verb"], match["rest"]
        if verb in PARTICIPLES or verb.endswith("ed"):
            has = "have" if who in PERFECT else "has"
            return f"{who} {has} not {PARTICIPLES.get(verb, verb)}{rest}"
        if verb in VERBS and who not in PERFECT:
            return f"{who} does not {VERBS[verb]}{rest}"
        if verb in BASE and who in PERFECT:
            return f"{who} do not {verb}{rest}"
    return _untrue(label)


def _not(who: str, verb: str, rest: str) -> str:
    if rest.startswith(" not "):
        return f"{who} {verb} {rest.removeprefix(' not ').removesuffix(' yet')}"
    if verb in ("have", "has") and rest.startswith((" a ", " an ")):
        return f"{who} {verb} no {rest.split(' ', 2)[2]}"
    if verb in ("have been", "has been"):
        return f"{who} {verb.split(maxsplit=1)[0]} not been{rest}"
    return f"{who} {verb} not{rest}"


def _untrue(label: str) -> str:
    return f"it is not true that {label}"


def comparison_phrase(label: str, comparison: str, number: str, unit: str) -> str:
    """What a test of a number says: `you are under 13`, `the weight is at least 3 kg`."""
    if label in ("your age", "my age") and unit == "years":
        who = "you are" if label == "your age" else "I am"
        return AGES[comparison].format(who=who, n=_plain(number))
    if label.startswith("the time since "):
        amount = PASSED[comparison].format(n=amount_of(number, unit))
        return f"{amount} {_has(number, unit)} passed since {label.removeprefix('the time since ')}"
    return f"{label} is {COMPARISONS.get(comparison, comparison)} {amount_of(number, unit)}"


def merge_ages(clauses: Iterable[str]) -> list[str]:
    """Clauses that all hold, both ends of an age as one: `you are 13 or over and under 18`."""
    merged = list(clauses)
    low = next((each for each in merged if LOWEST.fullmatch(each)), "")
    high = next((each for each in merged if HIGHEST.fullmatch(each)), "")
    if low and high:
        merged[merged.index(low)] = f"{low} and {high.split(' ', 2)[2]}"
        merged.remove(high)
    return merged


def _has(number: str, unit: str) -> str:
    return "has" if amount_of(number, unit).startswith("1 ") else "have"


def amount_of(number: str, unit: str) -> str:
    """An amount as people say it: `7 years` rather than `84 months`, `1 day`."""
    value = Fraction(number)
    if unit == "months" and value and value % YEAR == 0:
        value, unit = value / YEAR, "years"
    digits = _plain(str(value))
    if unit == "percent":
        return f"{digits} %"
    return f"{digits} {unit[:-1] if digits == '1' else unit}".strip()


def _plain(number: str) -> str:
    value = Fraction(number)
    return str(value.numerator) if value.denominator == 1 else f"{float(value):g}"


# Who is speaking

MINE = {
    "we": "you",
    "us": "you",
    "our": "your",
    "ours": "yours",
    "ourselves": "yourselves",
    "your": "my",
    "yours": "mine",
    "yourself": "myself",
}
PREPOSITIONS = ("of", "about", "to", "with", "from", "for", "by", "at", "between", "on", "than")
BEFORE = frozenset(
    (  # after these, `you` is no subject
        *PREPOSITIONS,
        "but",
        "and",
        "tell",
        "told",
        "hold",
        "give",
        "gave",
        "show",
        "write",
        "help",
        "let",
        "charge",
        "bill",
        "send",
        "ask",
        "reach",
        "erased",
        "see",
        "call",
        "serve",
        "know",
        "concerns",
        "allows",
        "lets",
        "obliges",
    )
)
AM = {"are": "am", "were": "was"}
WORDS = re.compile(r"[A-Za-z]+|[^A-Za-z]+")


def swap_speaker(label: str) -> str:
    """The words of one who speaks to you as yours to them: `what I told you` of `what you told us`.

    `you` is `I` where it is who acts, and `me` after a preposition, a verb that takes a person, or
    alone.
    """
    parts = WORDS.findall(label)
    words = [at for at, part in enumerate(parts) if part[0].isalpha()]
    output = list(parts)
    for place, at in enumerate(words):
        word = parts[at].lower()
        before = parts[words[place - 1]].lower() if place else ""
        last = place + 1 == len(words)
        if word == "you":
            output[at] = (
                "me" if before in BEFORE or (last and before not in ("if", "when")) else "I"
            )
        elif word in MINE:
            output[at] = MINE[word]
        elif word in AM and before == "you" and output[words[place - 1]] == "I":
            output[at] = AM[word]
    phrase = "".join(output)
    return phrase[:1].upper() + phrase[1:] if label[:1].isupper() else phrase


SPEAKER = frozenset(
    ("we", "us", "our", "i", "me", "my", "mine", "myself", "you", "your", "yours", "yourselves")
)


def names_speaker(label: str) -> bool:
    """Whether a phrase already says whose or about whom it is."""
    return any(word.lower() in SPEAKER for word in WORDS.findall(label))
