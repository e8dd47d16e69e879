"""What a partner pulls: page by page, by purpose, of the customers whom that purpose is about.

Each page is one delivery. Asking for the next page says that the one before arrived; asking for the
same page gives the same delivery again. Whoever was in a page is in no later one of the same pull.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from upheld.core.ids import DeliveryId, PersonId, PullId
from upheld.database.columns import microseconds
from upheld.database.own_tables import Tables
from upheld.gate.act.request import Act
from upheld.gate.public import REGISTER
from upheld.gate.transaction import Transaction
from upheld.policy.analyse.contains import PARTNER, SHARE
from upheld.policy.vocabulary import TREE_OF
from upheld.practice import deliveries
from upheld.practice.needs import can_ever
from upheld.practice.tables import delivery_item, task
from upheld.practices.agreements import agreements, checks, terms
from upheld.practices.agreements.tables import partner_pull as table
from upheld.practices.agreements.terms import AgreementError

PAGE_PEOPLE: Final = 100
OPEN, DONE = "open", "done"
REFUSAL: Final = "agreement.refuse"
_OVER: Final = {
    agreements.SUSPENDED: "was suspended",
    agreements.WITHDRAWN: "was withdrawn",
    agreements.LAPSED: "ended",
}
SENTENCES: Final = {REFUSAL: "{actor} refused what a partner asked for"}


class PartnerPull(NamedTuple):
    """What a partner asks for, and how far it has come."""

    pull_id: PullId
    party: str
    purpose: str
    fields: tuple[str, ...]
    page: int
    last: str
    delivery_id: DeliveryId
    state: str


class PullPage(NamedTuple):
    """A page: its number, its lines of JSON (the manifest first; empty for nobody), and if more."""

    number: int
    lines: bytes
    more: bool


def allowed_fields(transaction: Transaction, party: str, purpose: str) -> tuple[str, ...]:
    """The fields that a partner's agreements cover for a purpose, under the policy in force."""
    policy, tables = transaction.policy, transaction.tables
    if purpose not in policy.program.vocabulary.tree("purpose"):
        return ()
    live = checks.live_of(tables, party, transaction.clock.now(), policy)
    texts = [terms.load(tables, each.digest) for each in live]
    tree = policy.program.vocabulary.tree(TREE_OF["data"])
    parents = {each.parent for each in tree.values()}
    return tuple(
        field
        for field in tree
        if field not in parents
        and any(terms.covers(text, policy, field, purpose) for text in texts)
    )


def why_refused(
    transaction: Transaction,
    party: str,
    purpose: str,
    fields: Sequence[str] = (),
    recipient: str = "",
) -> str:
    """Why a partner cannot have something; empty where it can. A refusal is recorded."""
    covered = allowed_fields(transaction, party, purpose)
    if recipient and recipient != party:
        why = "nothing may be passed on to anybody else"
    elif not covered:
        why = f"no agreement in force covers this purpose{_of_last(transaction.tables, party)}"
    elif not {*fields} <= {*covered}:
        why = "the agreement does not cover all of these fields"
    else:
        return ""
    words = transaction.policy.program.vocabulary
    purpose_word = {"purpose": purpose} if purpose in words.tree("purpose") else {}
    transaction.note(
        None,
        REFUSAL,
        actor="provider",
        action=SHARE,
        data=tuple(each for each in fields if each in words.tree("data")),
        recipient=f"{PARTNER} {party}",
        problem="agreement",
        **purpose_word,  # type: ignore[arg-type] # a word of the vocabulary
    )
    return why


def _of_last(tables: Tables, party: str) -> str:
    """How the latest agreement of a partner stands, where it is over; for the end of a sentence."""
    latest = next(iter(agreements.agreements(tables, party)), None)
    if latest is None or latest.state not in _OVER:
        return ""
    why = latest.reason.rstrip(".")
    return f"; the last one {_OVER[latest.state]} on {latest.changed_at:%Y-%m-%d}: {why}"


def begin(
    transaction: Transaction, party: str, purpose: str, fields: Sequence[str] = ()
) -> PartnerPull:
    """Begin to pull what the agreement covers for a purpose, or some fields of that."""
    covered = allowed_fields(transaction, party, purpose)
    chosen = tuple(each for each in covered if not fields or each in fields)
    pull = PartnerPull(
        PullId(secrets.token_hex(16)), party, purpose, chosen, 0, "", DeliveryId(""), OPEN
    )
    transaction.tables.insert(
        table,
        **{**pull._asdict(), "fields": " ".join(chosen)},
        started=microseconds(transaction.clock.now()),
    )
    return pull


def find(transaction: Transaction, party: str, pull_id: PullId) -> PartnerPull | None:
    """A pull of this partner; None for another's."""
    row = transaction.tables.get(table, "pull_id = ? AND party = ?", pull_id, party)
    return None if row is None else _from_row(row)


def give(transaction: Transaction, pull: PartnerPull, number: int) -> PullPage:
    """A page by its number: the one that was given last once more, or the next one."""
    transaction.lock(REGISTER)
    now = find(transaction, pull.party, pull.pull_id) or pull
    if number not in (now.page, now.page + 1) or number == 0:
        raise AgreementError(
            "this cursor is not where the pull stands",
            code="pull-cursor",
            hint=f"ask for page {now.page + 1}, or for page {now.page} once more",
        )
    lines = b""
    if number == now.page + 1:
        if now.state == DONE:
            _confirm(transaction, now)
            return PullPage(number, b"", more=False)
        now, lines = _advance(transaction, now)
    elif now.delivery_id:
        _keep_back_others(transaction, now)
        lines = deliveries.hand_out(transaction, now.delivery_id).lines
    if now.delivery_id:
        _require_still_covered(transaction, now)
    return PullPage(number, lines, more=now.state == OPEN or bool(now.delivery_id))


def _require_still_covered(transaction: Transaction, pull: PartnerPull) -> None:
    """AgreementError, which undoes the page, where the agreement ended while it was made.

    A page is thus decided under an agreement that was in force for each person in it, or not given.
    """
    if not {*pull.fields} <= {*allowed_fields(transaction, pull.party, pull.purpose)}:
        raise AgreementError(
            "the agreement ended while this page was made, so nothing is given",
            code="agreement-state",
            hint="see the agreement on /partner",
        )


def _keep_back_others(transaction: Transaction, pull: PartnerPull) -> None:
    """Keep back whom the purpose is about no longer, of a page that is asked for once more."""
    if not can_ever(transaction.policy, f"contact for {pull.purpose}"):
        return
    contact = Act(action="contact", purpose=pull.purpose)
    where = f"delivery_id = ? AND state = '{deliveries.WAITING}'"
    items = transaction.tables.select(
        delivery_item, where, pull.delivery_id, parts=[deliveries.WAITING]
    )
    decisions = transaction.peek_each([each.person_id for each in items], contact)
    for person_id, decision in decisions.items():
        if not decision.allowed:
            deliveries.recall(transaction, person_id, pull.pull_id)


def _advance(transaction: Transaction, pull: PartnerPull) -> tuple[PartnerPull, bytes]:
    """Confirm the page before, decide who is in the next one, and give that out: its lines."""
    _confirm(transaction, pull)
    looked_at, only_if = _candidates(transaction, pull.purpose, pull.last)
    content = None
    if looked_at:
        takes = transaction.policy.engine.compiled.takes[SHARE]
        act = Act(
            action="share",
            data=pull.fields,
            recipient=PARTNER,
            purpose=pull.purpose,
            occasion="other" if "occasion" in takes else None,
            party=pull.party,
            reference=pull.pull_id,
            partial=True,
        )
        content = deliveries.give_out(transaction, act, looked_at, only_if)
    new = pull._replace(
        page=pull.page + 1,
        last=_position(looked_at[-1]) if looked_at else pull.last,
        delivery_id=content.delivery.delivery_id if content else DeliveryId(""),
        state=OPEN if len(looked_at) == PAGE_PEOPLE else DONE,
    )
    changes = {**new._asdict(), "fields": " ".join(new.fields)}
    transaction.tables.update(table, changes, "pull_id = ?", pull.pull_id)
    return new, content.lines if content else b""


def end(transaction: Transaction, pull: PartnerPull) -> None:
    """Let nothing more be given by a pull; the page that was given last has arrived."""
    _confirm(transaction, pull)
    changes = {"state": DONE, "delivery_id": ""}
    transaction.tables.update(table, changes, "pull_id = ?", pull.pull_id)


def _confirm(transaction: Transaction, pull: PartnerPull) -> None:
    """Note that the page that was given last has arrived."""
    if not pull.delivery_id:
        return
    there = deliveries.find(transaction.tables, pull.delivery_id)
    if there.state == deliveries.WAITING and there.handed is not None:
        deliveries.confirm(transaction, pull.delivery_id)


def _position(person_id: PersonId) -> str:
    """Where a page ended among the ids: behind all that begin as this one, and half of it.

    Ids are random, so that no two begin alike; a whole one would name somebody who is erased later.
    """
    return f"{person_id[: len(person_id) // 2]}g"  # which comes after every digit of an id


def _candidates(
    transaction: Transaction, purpose: str, after: str
) -> tuple[list[PersonId], Act | None]:
    """The next people who are looked at, and the act by which the purpose is about some of them.

    What we write for, is about those whom the policy lets us write to for it; anything else, about
    those of whom something with this purpose is open at a desk.
    """
    if can_ever(transaction.policy, f"contact for {purpose}"):
        people = transaction.customers_after(after, PAGE_PEOPLE)
        return people, Act(action="contact", purpose=purpose)
    where = "purpose = ? AND state <> 'done' AND person_id > ? ORDER BY person_id LIMIT ?"
    rows = transaction.tables.select_unchecked(
        task, ["person_id"], where, purpose, after, PAGE_PEOPLE
    )
    return [PersonId(person_id) for (person_id,) in rows], None


def _from_row(row: Any) -> PartnerPull:
    return PartnerPull(
        row.pull_id,
        row.party,
        row.purpose,
        tuple(row.fields.split()),
        row.page,
        row.last,
        row.delivery_id,
        row.state,
    )
