"""Names of advertisers that mention a sensitive topic, and may be advertised under all the same.

A company is called what it is called. One manager asks that its name and domain be allowed, for a
reason, and another says yes; both are entries of the ledger. That holds for the name and the domain
as they stood then, and for nothing that an advertisement says.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import Any, Final, NamedTuple

from upheld.core.company_names import company_name
from upheld.core.ids import UserId
from upheld.core.reason_text import require_reason
from upheld.database.columns import microseconds
from upheld.database.own_tables import Tables, to_datetime
from upheld.gate.public import REGISTER
from upheld.gate.transaction import Transaction
from upheld.policy.load import Policy
from upheld.practice import parties
from upheld.practices.ads import campaigns
from upheld.practices.ads.campaigns import AdError
from upheld.practices.ads.tables import ad_name
from upheld.practices.ads.topics import topics_in

WAITING, ALLOWED, REFUSED = "waiting", "allowed", "refused"
ASKED, DECIDED, ENDED = "ad.name-ask", "ad.name-decide", "ad.name-end"
SENTENCES: Final = {
    ASKED: "{actor} asked that an advertiser’s name be allowed in advertisements",
    DECIDED: "{actor} answered whether an advertiser’s name is allowed in advertisements",
    ENDED: "{actor} took back that an advertiser’s name is allowed in advertisements",
}
REASON_MAX: Final = 200


class NameRequest(NamedTuple):
    """What was asked of the name of a company, and how it stands."""

    party: str
    name: str
    domain: str
    reason: str
    state: str
    asked_by: UserId
    asked_at: datetime

    @property
    def mark(self) -> str:
        """The moment of the question, by which a form says which one it answers."""
        return self.asked_at.isoformat()

    def is_of(self, tables: Tables) -> bool:
        """Whether the company still has this name and this domain."""
        now = company_name(self.party), campaigns.domain_of(tables, self.party)
        return (self.name, self.domain) == now


def matters_of(tables: Tables, policy: Policy, party: str) -> list[str]:
    """The sensitive topics that a company's name or domain mentions, allowed or not."""
    return topics_in(policy, [company_name(party), campaigns.domain_of(tables, party)]).matters


def is_allowed(tables: Tables, party: str) -> bool:
    """Whether a company's name and domain are allowed as they are now, whatever they mention."""
    its = find(tables, party)
    return its is not None and its.state == ALLOWED and its.is_of(tables)


def every(tables: Tables) -> list[NameRequest]:
    """What was asked of names, the latest first."""
    return [_from_row(each) for each in tables.select(ad_name, "ORDER BY asked_at DESC, party")]


def find(tables: Tables, party: str) -> NameRequest | None:
    """What was asked last of a company's name; None where nothing was."""
    row = tables.get(ad_name, "party = ?", party)
    return None if row is None else _from_row(row)


def to_be_asked(transaction: Transaction) -> list[str]:
    """The advertisers whose name mentions a topic, and is neither allowed nor waits."""
    tables, policy = transaction.tables, transaction.policy
    return [
        party
        for party in parties.in_role(transaction, campaigns.ADVERTISER)
        if matters_of(tables, policy, party) and not _stands(tables, party)
    ]


def _stands(tables: Tables, party: str) -> bool:
    its = find(tables, party)
    return its is not None and its.state in (WAITING, ALLOWED) and its.is_of(tables)


def ask(transaction: Transaction, party: str, user_id: UserId, *, reason: str) -> NameRequest:
    """Ask that a company's name be allowed; somebody else decides. AdError where it cannot be."""
    transaction.lock(REGISTER)  # before it is looked at how it stands: one of two is asked
    if party not in to_be_asked(transaction):
        raise _error("there is nothing to ask of this name", "look at the list")
    reason = require_reason(reason, REASON_MAX, _error, "it needs a reason")
    tables = transaction.tables
    tables.delete(ad_name, "party = ?", party)
    tables.insert(
        ad_name,
        party=party,
        name=company_name(party),
        domain=campaigns.domain_of(tables, party),
        reason=reason,
        state=WAITING,
        asked_by=user_id,
        asked_at=microseconds(transaction.clock.now()),
        decided_by="",
    )
    return _note(transaction, party, ASKED, user_id)


def decide(
    transaction: Transaction, party: str, user_id: UserId, *, allow: bool, mark: str
) -> NameRequest:
    """Answer what somebody else asked of a company's name; `mark` says which question it was.

    AdError for whoever asked it, and where it does not wait or is of another name by now.
    """
    its = _require(transaction, party, WAITING)
    if its.asked_by == user_id:
        raise _error("somebody else decides on what one asked for", "let another manager look")
    if its.mark != mark:
        raise _error("this was asked anew meanwhile", "read the reason again, and answer it")
    if allow and not its.is_of(transaction.tables):
        raise _error("this name is another by now", "refuse it, and let it be asked again")
    state = ALLOWED if allow else REFUSED
    return _change(transaction, party, state, DECIDED, user_id)


def end(transaction: Transaction, party: str, user_id: UserId) -> NameRequest:
    """Take back that a company's name is allowed, which any one manager can. AdError otherwise."""
    _require(transaction, party, ALLOWED)
    return _change(transaction, party, REFUSED, ENDED, user_id)


def _require(transaction: Transaction, party: str, state: str) -> NameRequest:
    transaction.lock(REGISTER)  # before its state is read: one of two answers counts
    parties.load_names(transaction.tables)
    its = find(transaction.tables, party)
    if its is None or its.state != state:
        raise _error("this name was answered already", "look at the list")
    return its


def _change(
    transaction: Transaction, party: str, state: str, kind: str, user_id: UserId
) -> NameRequest:
    changes = {"state": state, "decided_by": user_id}
    transaction.tables.update(ad_name, changes, "party = ?", party)
    return _note(transaction, party, kind, user_id)


def _note(transaction: Transaction, party: str, kind: str, user_id: UserId) -> NameRequest:
    """Add the entry, with a digest of the name, the domain and the reason."""
    its = find(transaction.tables, party)
    assert its is not None  # noqa: S101 - it was written in this transaction
    digest = sha256(f"{its.name}\n{its.domain}\n{its.reason}\n{its.state}".encode()).hexdigest()
    transaction.note(None, kind, actor=f"staff {user_id}", id=party, evidence=(digest,))
    return its


def _from_row(row: Any) -> NameRequest:
    words = (row.party, row.name, row.domain, row.reason, row.state, UserId(row.asked_by))
    return NameRequest(*words, to_datetime(row.asked_at))


def _error(sentence: str, hint: str) -> AdError:
    return AdError(sentence, code="ad", hint=hint)
