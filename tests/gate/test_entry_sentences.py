"""Entries as people are told them: in the active voice, by the vocabulary's labels, to anybody."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

import upheld
from upheld.demo import sample_policy
from upheld.gate.log.sentence_words import RECORDS, SENTENCES, STEPS
from upheld.gate.log.sentences import entry_sentence
from upheld.ledger.entries import Entry
from upheld.policy.load import load

TIME = "2026-03-03T10:00:00.000000Z"
WORDS = st.text("abcdefghij-", min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (
            Entry(
                kind="act",
                time=TIME,
                action="share",
                data=("name", "balance"),
                recipient="collection-agent acme",
                purpose="debt-collection",
                occasion="other",
                clauses=("collecting-charges",),
            ),
            (
                "On 3 March 2026 we shared your name and balance with a collection agent, Acme, for"
                " collecting what is owed, by #collecting-charges"
            ),
        ),
        (
            Entry(
                kind="refusal",
                time=TIME,
                action="sell",
                data=("cookie-id", "email"),
                recipient="advertiser",
                clauses=("confidential",),
            ),
            (
                "On 3 March 2026 we did not sell your e-mail address and our cookie to an"
                " advertiser: our policy does not allow it, by #confidential"
            ),
        ),
        (
            Entry(kind="act", time=TIME, action="contact", purpose="newsletter"),
            "On 3 March 2026 we decided to send you our newsletter",
        ),
        (
            Entry(
                kind="act",
                time=TIME,
                action="view",
                data=("email",),
                actor="staff bo",
                purpose="support",
            ),
            ("On 3 March 2026 our staff, bo, looked at your e-mail address for technical support"),
        ),
        (
            Entry(
                kind="act",
                time=TIME,
                action="view",
                data=("name",),
                actor="customer",
                purpose="support",
            ),
            "On 3 March 2026 you looked at your name for technical support",
        ),
        (Entry(kind="payment", time=TIME), "On 3 March 2026 your card payment went through"),
        (
            Entry(kind="record", time=TIME, action="withdraw consent"),
            "On 3 March 2026 we recorded that your permission no longer holds",
        ),
        (
            Entry(kind="record", time=TIME, action="withdraw consent", actor="customer"),
            "On 3 March 2026 you withdrew your permission",
        ),
        (
            Entry(kind="record", time=TIME, action="withdraw guardian-link", actor="guardian ruth"),
            ("On 3 March 2026 your parent or guardian, ruth, stopped supervising your account"),
        ),
        (
            Entry(kind="record", time=TIME, action="end guardian-link"),
            "On 3 March 2026 the supervision of your account ended",
        ),
        (
            Entry(kind="record", time=TIME, action="add opt-out", actor="customer"),
            "On 3 March 2026 you opted out",
        ),
        (
            Entry(kind="record", time=TIME, action="add task", actor="staff bo"),
            "On 3 March 2026 our staff, bo, took on a task about your account",
        ),
        (
            Entry(kind="record", time=TIME, action="add signal", actor="browser"),
            "On 3 March 2026 your browser sent a privacy signal",
        ),
        (
            Entry(kind="record", time=TIME, action="end request"),
            "On 3 March 2026 we closed your request",
        ),
        (
            Entry(kind="record", time=TIME, action="end service-order", actor="customer"),
            "On 3 March 2026 you ended a service",
        ),
        (
            Entry(kind="record", time=TIME, action="end service-order"),
            "On 3 March 2026 your order for a service ended",
        ),
        (
            Entry(kind="record", time=TIME, action="end task", actor="staff bo"),
            "On 3 March 2026 our staff, bo, ended their work on a task about your account",
        ),
        (
            Entry(kind="household", time=TIME, action="leave", actor="customer"),
            "On 3 March 2026 you changed who pays for an account of your household",
        ),
        (
            Entry(kind="payment", time=TIME, actor="staff bo"),
            "On 3 March 2026 our staff, bo, booked your payment",
        ),
        (
            Entry(kind="recall", time=TIME, actor="staff bo"),
            (
                "On 3 March 2026 our staff, bo, took your account back from the agent who"
                " collected for us"
            ),
        ),
        (
            Entry(kind="deletion", time=TIME, actor="collection-agent acme"),
            (
                "On 3 March 2026 a collection agent, Acme, confirmed that they deleted"
                " what they had of you"
            ),
        ),
        (
            Entry(kind="password-reset", time=TIME, actor="guardian"),
            (
                "On 3 March 2026 your parent or guardian reset your password, so that"
                " you could choose another"
            ),
        ),
        (
            Entry(
                kind="sent", time=TIME, action="contact", purpose="newsletter", problem="no-copy"
            ),
            ("On 3 March 2026 we sent you our newsletter; we kept no copy of it"),
        ),
        (
            Entry(kind="record", time=TIME, action="add mailbox"),
            "On 3 March 2026 we added a record of your mailbox",
        ),
        (
            Entry(
                kind="act",
                time=TIME,
                action="collect",
                data=("messages", "mail-content"),
                source="provider",
            ),
            (
                "On 3 March 2026 we collected messages between you and us and the content"
                " of your mail"
            ),
        ),
        (
            Entry(kind="sent", time=TIME, action="contact", purpose="newsletter"),
            "On 3 March 2026 we sent you our newsletter",
        ),
        (
            Entry(kind="act", time=TIME, action="charge"),
            ("On 3 March 2026 we decided to charge the account holder for a minor's use"),
        ),
        (
            Entry(kind="acceptance", time=TIME, actor="customer"),
            "On 3 March 2026 you accepted the policy and the terms",
        ),
        (
            Entry(kind="household", time=TIME, action="join"),
            "On 3 March 2026 the payer for an account of your household changed",
        ),
        (
            Entry(kind="late", time=TIME, action="answer-access", clauses=("access",)),
            "On 3 March 2026 we were late to tell you what we hold about you, by #access",
        ),
        (
            Entry(kind="person", time=TIME),
            "On 3 March 2026 we made a key for what we would hold about you",
        ),
        (Entry(kind="sealed.away", time=TIME), "On 3 March 2026 we noted this: sealed away"),
    ],
)
def test_an_entry_is_told_in_words(policy: upheld.Policy, entry: Entry, said: str) -> None:
    """By the vocabulary's labels, to the person it is about."""
    assert entry_sentence(entry, policy) == said


POLICY = load(sample_policy())
PASSIVE = re.compile(r"\b(is|are|was|were|be|been)( \w+)? (\w+ed|noted|sent|made|taken|begun)\b")


@pytest.mark.parametrize("actor", ["", "customer", "staff bo", "guardian"])
def test_each_sentence_of_the_house_says_who_did_it(actor: str) -> None:
    """Whatever happened to an entry or a record of any kind is told in the active voice."""
    records = [f"{step} {kind}" for kind in (*RECORDS, "mailbox") for step in (*STEPS, "change")]
    entries = [Entry(kind=kind, time=TIME, actor=actor) for kind in (*SENTENCES, "new-kind")]
    entries += [Entry(kind="record", time=TIME, action=each, actor=actor) for each in records]
    entries += [
        Entry(kind=kind, time=TIME, actor=actor, action=action)
        for kind in ("act", "refusal", "late", "lapsed")
        for action in POLICY.program.vocabulary.tree("action")
    ]
    for entry in entries:
        told = entry_sentence(entry, POLICY).removeprefix("On 3 March 2026 ")
        main_clause = told.replace("to be tried again", "").partition(" that ")[0]
        assert not PASSIVE.search(main_clause), told
        assert not re.search(r"[{}]|\b(leted|transfered|infered)\b|  ", told), told
        assert told.split(maxsplit=1)[0] in {"we", "you", "your", "our", "a", "the"}


@pytest.mark.parametrize(
    ("action", "occasion", "said"),
    [
        ("serve", "", "we let you use our sites and services"),
        ("transfer", "", "we transferred your name"),
        ("collect", "registration", "we collected your name when you registered"),
        ("collect", "ad-view", "we collected your name when you saw an advertisement"),
    ],
)
def test_what_is_over_is_told_in_the_past(action: str, occasion: str, said: str) -> None:
    """Verbs that are irregular have their own past, and so has the occasion."""
    data = () if action == "serve" else ("name",)
    entry = Entry(kind="act", time=TIME, action=action, data=data, occasion=occasion)
    assert entry_sentence(entry, POLICY) == f"On 3 March 2026 {said}"


def test_others_read_of_a_customer_what_speaks_to_them(policy: upheld.Policy) -> None:
    """Who acts, whose it is and to whom it was done are told apart."""
    entry = Entry(
        kind="act",
        time=TIME,
        action="collect",
        data=("name", "messages"),
        source="customer",
        purpose="service-provision",
        occasion="service-use",
    )
    assert entry_sentence(entry, policy, whose="their") == (
        "On 3 March 2026 we collected their name and messages between them and us from them for"
        " providing services they asked for when they used our services"
    )


@given(
    st.sampled_from(["act", "refusal", "record", "late", "lapsed", "person", "new-kind"]),
    WORDS,
    st.lists(WORDS, max_size=4),
    WORDS,
)
def test_whatever_an_entry_says_it_can_be_told(
    kind: str, action: str, data: list[str], party: str
) -> None:
    """Words that the policy in force does not know are told as they stand."""
    entry = Entry(kind=kind, time=TIME, action=action, data=tuple(data), recipient=party)
    assert entry_sentence(entry, POLICY).startswith("On 3 March 2026 ")
    assert "your" not in entry_sentence(entry, POLICY, whose="their").split()
