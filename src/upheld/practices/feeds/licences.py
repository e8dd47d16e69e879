"""Licences of partners' feeds: a document in the policy's language, registered if it only narrows.

It is read with the words of the policy in force and compared with it. What it would allow and the
policy does not, or not without a duty, is told to whoever registers it, and nothing is registered.
"""

from __future__ import annotations

from datetime import date, datetime, time
from functools import lru_cache
from typing import Final, NamedTuple

from upheld.core.errors import PolicyError, UpheldError
from upheld.core.ids import UserId
from upheld.gate.public import Licence
from upheld.gate.transaction import Transaction
from upheld.policy.analyse.compare import compare
from upheld.policy.document import decode, read_document
from upheld.policy.load import Policy, read_program
from upheld.policy.read_vocabulary import builtin_names
from upheld.policy.sentences import Sentences, text
from upheld.practice import parties
from upheld.practices.feeds.feeds import SOURCE, FeedError

BYTES_MAX: Final = 120_000
_NAME: Final = "licence.md"
_SHOWN: Final = 12  # of what would be allowed beyond the policy


class LicenceClause(NamedTuple):
    """A clause of a licence: its words, and what its rules mean, in sentences."""

    id: str
    text: str
    means: tuple[str, ...]
    heading: bool


def read(raw: bytes, in_force: Policy) -> Policy:
    """A licence out of its bytes; PolicyError for its mistakes, FeedError for another vocabulary.

    Its words are those of the policy in force.
    """
    if len(raw) > BYTES_MAX:
        raise FeedError(
            "the licence is too long", code="licence", hint=f"write at most {BYTES_MAX:,} bytes"
        )
    name = in_force.front.vocabulary
    decoded, faults = decode(raw, _NAME)
    document = None if faults else read_document(decoded, _NAME)[0]
    if document is not None and document.front.vocabulary != name:
        raise FeedError(
            "the licence names another vocabulary than the policy",
            code="licence",
            hint=f"write `vocabulary: {name}` into its front matter, or leave it out as the policy",
        )
    own = None if name in builtin_names() else in_force.program.vocabulary.sources[-1]
    return Policy(read_program(raw, _NAME, vocabulary=own))


@lru_cache(maxsize=16)
def widening(in_force: Policy, licence: Policy) -> tuple[str, ...]:
    """What a licence would allow beyond the policy, in sentences; some, where it is much.

    UpheldError where the two are too dear to compare.
    """
    texts = dict.fromkeys(each.text for each in compare(in_force, licence).widening)
    return tuple(texts)[:_SHOWN]


def require_narrower(in_force: Policy, licence: Policy) -> None:
    """FeedError, with what it would allow, where a licence allows more than the policy."""
    wider = widening(in_force, licence)
    if wider:
        raise FeedError(
            "the licence would allow more than the policy: " + "; ".join(wider),
            code="licence-wider",
            hint="a licence can only narrow: put what the policy asks for into its rules too",
        )


def problems(raw: bytes, in_force: Policy) -> tuple[Policy | None, list[str]]:
    """A licence that may be registered, or what keeps it from that, in sentences."""
    if not raw:
        return None, ["Nothing was sent: choose a file, or paste the text."]
    try:
        licence = read(raw, in_force)
        wider = widening(in_force, licence)
    except PolicyError as error:
        return None, [f"Line {each.line}: {each.message}" for each in error.faults]
    except UpheldError as error:
        return None, [error.in_sentences()]
    return (None, [f"It would allow: {each}" for each in wider]) if wider else (licence, [])


def register(
    transaction: Transaction,
    licence: Policy,
    party: str,
    by: UserId,
    *,
    base: str,
    since: date | None = None,
) -> Licence:
    """Register a licence of a business partner that was compared with the policy `base`.

    It covers what the partner tells us from now on, and what it told us `since` the start of a day.
    FeedError unless the company is a partner now; EditionError for a day that is yet to come.
    """
    if party not in parties.in_role(transaction, SOURCE):
        raise FeedError(
            "the register does not have this company as a business partner now",
            code="feed-party",
            hint="`upheld party add NAME --role business-partner` puts it there",
        )
    clock = transaction.clock
    zone = clock.local(clock.now()).tzinfo
    begins = None if since is None else datetime.combine(since, time(), zone)
    return transaction.licences.register(
        licence, party=party, source=SOURCE, by=by, base=base, since=begins
    )


def end(transaction: Transaction, number: int, by: UserId) -> Licence:
    """Let what its partner tells us from now on be under no licence; EditionError if it ended."""
    return transaction.licences.end(number, source=SOURCE, by=by)


def clauses_of(licence: Policy) -> list[LicenceClause]:
    """The clauses of a licence, with what their rules mean."""
    words = Sentences(licence.program)
    return [
        LicenceClause(
            each.id,
            each.text,
            tuple(
                text(pieces)
                for index in each.nodes
                for pieces in words.rule(licence.program.nodes[index])
            ),
            each.kind == "heading",
        )
        for each in licence.program.clauses
    ]
