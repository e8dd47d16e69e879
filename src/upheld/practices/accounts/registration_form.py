"""What the form of registering asks: exactly what the policy lets us collect then, and store.

No list stands here. Each kind of data that the vocabulary knows is asked of the policy, as of an
adult of whom nothing else is proven; its label is the vocabulary's, and why it is asked are the
policy's own words for what it may be used for. Only how to type a date or an address is known here,
and that what the program writes itself, or works out, is typed by nobody.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

from upheld.core import observing
from upheld.gate.evidence.field_values import WRITTEN_BY_PROGRAM
from upheld.policy.load import Policy
from upheld.policy.request import Decision
from upheld.practice.admission import admission
from upheld.practice.ages import age_of_majority
from upheld.practice.citations import Quote, quote_clauses
from upheld.practice.collection_questions import collection_questions
from upheld.practice.needs import can_ever
from upheld.web import passwords
from upheld.web.forms import Field

NEEDED: Final = frozenset({"email", "credentials"})  # without which no account works
BIRTH_DATE: Final = "birth-date"  # needed where the policy hangs on an age
PAYMENT_FIELDS: Final = frozenset({"card", "billing-account"})  # given to who carries out payments
PASSWORD: Final = "credentials"  # noqa: S105 - the name of a kind of data
CHOICES: Final = "privacy-choices"
TYPED: Final = frozenset({PASSWORD, CHOICES})  # with a form of their own, though not as values
OFFERS, ADVERTISING = "offers", "advertising"
_QUESTION_OF: Final = {OFFERS: "contact for offers", ADVERTISING: "show-ad"}
_INTERESTS: Final = (
    "books",
    "cooking",
    "films",
    "games",
    "gardening",
    "music",
    "news",
    "sport",
    "technology",
    "travel",
)
_ORDER: Final = ("name", "email", PASSWORD, "birth-date")  # what is needed stands first
_SHAPES: Final = {
    "name": Field("", "", autocomplete="name"),
    "email": Field(
        "",
        "",
        "email",
        autocomplete="email",
        length_max=254,
        hint="We write to it once, so that you can confirm it.",
    ),
    "phone": Field("", "", "tel", autocomplete="tel", length_max=40),
    "address": Field("", "", "textarea", autocomplete="street-address", length_max=300),
    "birth-date": Field(
        "",
        "",
        "date",
        autocomplete="bday",
        hint="For example, 27 3 1990.",
        missing="Enter your birth date.",
    ),
    "zip": Field("", "", autocomplete="postal-code", length_max=12),
    "occupation": Field("", "", autocomplete="organization-title"),
    "interests": Field(
        "", "", "checks", options=[(each, each.capitalize()) for each in _INTERESTS]
    ),
    PASSWORD: Field(
        "",
        "",
        "password",
        autocomplete="new-password",
        length_max=passwords.LENGTH_MAX,
        hint=f"At least {passwords.LENGTH_MIN} characters: three or four words are"
        " good. You sign in with it; we keep only a hash.",
    ),
    CHOICES: Field(
        "",
        "",
        "checks",
        required=False,
        hint="Each is off unless you tick it. You can turn it on or off at any time.",
        options=[
            (OFFERS, "Send me offers"),
            (ADVERTISING, "Choose advertisements by what you know about me"),
        ],
    ),
}
_PLAIN: Final = Field("", "")


class RegistrationForm(NamedTuple):
    """What is asked when somebody registers, and on which clauses."""

    fields: tuple[Field, ...]
    later: tuple[str, ...]  # labels of what is given on the page of payments
    clauses: tuple[Quote, ...]
    lacks: tuple[str, ...]  # labels of what an account cannot be without, and may not be asked

    @property
    def names(self) -> frozenset[str]:
        """The kinds of data that are asked."""
        return frozenset(field.name for field in self.fields)

    @property
    def works(self) -> bool:
        """Whether the policy lets us ask for what an account cannot be without."""
        return not self.lacks


@observing.reading
@lru_cache(maxsize=8)
def registration_form(policy: Policy, *, derived: frozenset[str] = frozenset()) -> RegistrationForm:
    """What the policy lets us ask when somebody registers; worked out once a policy.

    `derived` are fields that are worked out of others.
    """
    return _build_form(policy, derived)


def _build_form(policy: Policy, derived: frozenset[str]) -> RegistrationForm:
    vocabulary = policy.program.vocabulary
    by_program = (WRITTEN_BY_PROGRAM.keys() | derived) - TYPED - PAYMENT_FIELDS
    words = [word for word in policy.engine.compiled.leaves["data"].bit if "/" not in word]
    words = [word for word in words if word in vocabulary.tree("data") and word not in by_program]
    decisions = {word: _intake_decisions(policy, word) for word in words}
    allowed = [word for word in words if all(each.allowed for each in decisions[word])]
    clauses = {clause for word in allowed for each in decisions[word] for clause in each.clauses}
    uses = _clauses_of_use(policy, words)
    label = {word: vocabulary.tree("data")[word].label or word for word in words}
    form_words = [
        word for word in allowed if word not in PAYMENT_FIELDS and _has_choices(policy, word)
    ]
    needed = NEEDED | ({BIRTH_DATE} if admission(policy).asks_age else set())
    form_words.sort(key=lambda word: _ORDER.index(word) if word in _ORDER else len(_ORDER))
    return RegistrationForm(
        tuple(
            _field(
                policy, word, label[word], uses.get(word, []), required=word in needed | {"name"}
            )
            for word in form_words
        ),
        tuple(label[word] for word in allowed if word in PAYMENT_FIELDS),
        tuple(quote_clauses(policy, clauses)),
        tuple(label.get(word, word) for word in sorted(needed.difference(form_words))),
    )


def _intake_decisions(policy: Policy, word: str) -> tuple[Decision, Decision]:
    """Whether an adult may be asked for a kind of data when they register, and it be kept."""
    facts: dict[str, object] = {
        name: False for name, fact in policy.program.vocabulary.facts.items() if fact.absent
    }
    facts["age"] = age_of_majority(policy)
    collect, store = collection_questions(
        policy, word, source="customer", occasion="registration", purpose="service-provision"
    )
    return policy.decide(collect, facts), policy.decide(store, facts)


def _clauses_of_use(policy: Policy, words: list[str]) -> dict[str, list[Quote]]:
    """For each kind of data the clauses by which it is used, but for those on all data alike."""
    on: dict[str, set[str]] = {word: set() for word in words}
    for node in policy.program.nodes:
        if node.effect != "allow" or node.parents:
            continue
        for copy in node.copies:
            covers = set(copy.scope.get("data", words)) & set(words)
            if "use" in copy.actions and len(covers) < len(words):
                for word in covers:
                    on[word].add(node.clause)
    return {word: quote_clauses(policy, clauses) for word, clauses in on.items()}


def _has_choices(policy: Policy, word: str) -> bool:
    """Whether there is something to ask: of choices, that the policy hangs on one of them."""
    return word != CHOICES or bool(shape_of(policy, word).options)


def shape_of(policy: Policy, word: str) -> Field:
    """How a kind of data is typed or chosen; what the policy never does is not chosen."""
    shape = _SHAPES.get(word, _PLAIN)
    if word == CHOICES:
        offered = [each for each in shape.options if can_ever(policy, _QUESTION_OF[each[0]])]
        return shape._replace(options=offered)
    return shape


def _field(policy: Policy, word: str, label: str, uses: list[Quote], *, required: bool) -> Field:
    shape = shape_of(policy, word)
    why = " ".join(each.text.rstrip(".;, ") + ";" for each in uses)
    if word == PASSWORD:
        label, why = "password", ""
    return shape._replace(
        name=word,
        label=label[:1].upper() + label[1:],
        required=required,
        why=(why[:1].upper() + why[1:]).rstrip(";") + "." if why else "",
        clause=uses[0].id if uses and why else "",
    )
