"""Deliveries: the one road by which what we hold about people leaves for a company outside.

A practice says what goes to whom. In the act's own transaction each person is decided by the policy
and entered, and their values are sealed under their own key, in an item of the delivery. Outside of
it the content is given out, as a file or a page; until somebody confirms that it arrived it is
shown as waiting, and can be given out again under the same id. When it is given out, each person is
decided once more: whom the policy does not allow any longer is not in it. A second entry says that
it was delivered, and from then on we hold no copy of what was sent.

Every function is for work in a transaction. Content is for use after its commit alone.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, NamedTuple

import msgspec
from msgspec.structs import replace

from upheld.core.errors import UpheldError
from upheld.core.ids import DeliveryId, PersonId
from upheld.database.columns import microseconds
from upheld.database.own_tables import Tables, to_datetime
from upheld.gate.act.request import Act, ActResult, Refused
from upheld.gate.sealing import Sealer
from upheld.gate.transaction import Transaction
from upheld.practice import parties, party_keys
from upheld.practice.tables import delivery, delivery_item

FILE: Final = "file"  # encrypted to the company's key, and fetched by our staff
PAGE: Final = "page"  # pulled by the company itself
WAITING, DONE, RECALLED = "waiting", "done", "recalled"  # states of a delivery and of its items
DELIVERED: Final = "delivery.done"  # kinds of entries
KEPT_BACK: Final = "delivery.recalled"
PEOPLE_MAX: Final = 500  # in one delivery
LISTED_MAX: Final = 200
_ONE: Final = "delivery_id = ?"
_ITEM: Final = "delivery_id = ? ORDER BY person_id"
_STATES: Final = (WAITING, DONE, RECALLED)


class DeliveryError(UpheldError):
    """A delivery that cannot be made, given out or confirmed."""


class PartyDelivery(NamedTuple):
    """What goes to one company under one act; of whom, its items say."""

    delivery_id: DeliveryId
    party: str
    recipient: str  # what the party is to us
    purpose: str
    occasion: str
    fields: tuple[str, ...]
    reference: str  # the id of what it is done under
    clauses: tuple[str, ...]
    channel: str
    state: str
    created_at: datetime
    handed: datetime | None  # when its content was last given out
    ended: datetime | None
    digest: str  # of the content that was given out last

    @property
    def act(self) -> Act:
        """The act under which it leaves."""
        return Act(
            action="share",
            data=self.fields,
            recipient=self.recipient,
            purpose=self.purpose,
            occasion=self.occasion,
            party=self.party,
            reference=self.reference,
        )


class Dispatch(NamedTuple):
    """What came of sending: the delivery, if there is anything in it, and each person's outcome."""

    delivery: PartyDelivery | None
    outcomes: Mapping[PersonId, ActResult | Refused]


class Content(NamedTuple):
    """What is given out: the delivery, how many people are in it, and lines of JSON.

    The first line is the manifest, with the SHA-256 of each of the others.
    """

    delivery: PartyDelivery
    people: int
    lines: bytes


def send(
    transaction: Transaction,
    act: Act,
    person_ids: Sequence[PersonId],
    *,
    channel: str = FILE,
    key: str = "",
) -> Dispatch:
    """Decide for each person whether something goes to a company, and put it into a delivery.

    `act` names the party, and what it is done under as `reference`. Whoever gives a `key` makes
    this delivery once: with the same key again nothing is done, and the first one is the answer.
    DeliveryError where the party is not on the register as what the act says.
    """
    if len(person_ids) > PEOPLE_MAX:
        raise DeliveryError(
            f"a delivery is about {PEOPLE_MAX} people at most",
            code="delivery-size",
            hint="make several",
        )
    _require_recipient(transaction, act.party, act.recipient or "", channel)
    delivery_id = DeliveryId(secrets.token_hex(16))
    if key:
        delivery_id = DeliveryId(transaction.sealer("delivery").mark_of("key", key).hex()[:32])
    if not _begin(transaction, act, channel, delivery_id):
        return Dispatch(find(transaction.tables, delivery_id), {})
    outcomes = transaction.sweep(act, person_ids)
    results = _results_of(outcomes)
    if not results:
        transaction.tables.delete(delivery, _ONE, delivery_id)
        return Dispatch(None, outcomes)
    transaction.tables.update(delivery, {"clauses": _clauses(results)}, _ONE, delivery_id)
    its = find(transaction.tables, delivery_id)
    _insert_items(transaction, its, results)
    return Dispatch(its, outcomes)


def give_out(
    transaction: Transaction, act: Act, person_ids: Sequence[PersonId], only_if: Act | None = None
) -> Content | None:
    """Decide on people and give out what there is as a page; None where there is nothing.

    Each is decided once, as `send` does, and what is given out is what `hand_out` gives again:
    nothing that was just written is read for it. Whom the act `only_if` is not allowed on is not in
    it, and nothing is entered of them.
    """
    _require_recipient(transaction, act.party, act.recipient or "", PAGE)
    results = _results_of(transaction.sweep(act, person_ids, only_if=only_if))
    if not results:
        return None
    delivery_id = DeliveryId(secrets.token_hex(16))
    _begin(transaction, act, PAGE, delivery_id, _clauses(results))
    its = find(transaction.tables, delivery_id)
    at = microseconds(transaction.clock.now())
    return _content(transaction, its, _insert_items(transaction, its, results, at), at)


def _results_of(outcomes: Mapping[PersonId, ActResult | Refused]) -> dict[PersonId, ActResult]:
    """Whose values go out."""
    return {
        person_id: outcome
        for person_id, outcome in outcomes.items()
        if isinstance(outcome, ActResult) and outcome.values
    }


def _clauses(results: Mapping[PersonId, ActResult]) -> str:
    """The clauses by which something goes out, as a delivery says them."""
    return " ".join(next(iter(results.values())).decision.clauses)


def _require_recipient(transaction: Transaction, party: str, role: str, channel: str) -> None:
    """DeliveryError where the register does not have the party as this, or has no key of it."""
    if role in parties.ROLES and party not in parties.in_role(transaction, role):
        raise DeliveryError(
            "the register does not have this company as what it would receive this for",
            code="delivery-party",
            hint="`upheld party list` tells who is what",
        )
    if channel == FILE and not party_keys.find(transaction.tables, party):
        raise DeliveryError(
            "this company has no public key, and no file leaves without being encrypted",
            code="delivery-key",
            hint="`upheld party key` adds the age key that it gave us",
        )


def _begin(
    transaction: Transaction, act: Act, channel: str, delivery_id: DeliveryId, clauses: str = ""
) -> bool:
    """Write down a delivery before anybody is in it; False where there is one of this id."""
    return transaction.tables.insert_new(
        delivery,
        delivery_id=delivery_id,
        party=act.party,
        recipient=act.recipient or "",
        purpose=act.purpose or "",
        occasion=act.occasion or "",
        fields=" ".join(act.data),
        reference=act.reference,
        clauses=clauses,
        channel=channel,
        state=WAITING,
        created_at=microseconds(transaction.clock.now()),
        digest="",
    )


def _insert_items(
    transaction: Transaction,
    new_delivery: PartyDelivery,
    results: Mapping[PersonId, ActResult],
    handed: int | None = None,
) -> list[tuple[str, bytes]]:
    """Write down what is in a delivery: each person's values under their own key.

    The names and values of all of them, in the order in which they are given out.
    """
    sealers = transaction.person_sealers("delivery", list(results))
    names = transaction.sealer("delivery")
    groups: dict[tuple[str, ...], list[tuple[str, bytes]]] = {}
    new_rows = []
    for person_id in sorted(results):
        result, name = results[person_id], _name(names, new_delivery.party, person_id)
        values = _encode(result)
        groups.setdefault(tuple(sorted(result.values)), []).append((name, values))
        new_rows.append(
            {
                "person_id": person_id,
                "delivery_id": new_delivery.delivery_id,
                "name": name,
                "entry": result.entry,
                "state": WAITING,
                "handed": handed,
                "ended": None,
                "sealed": sealers[person_id].seal(values, new_delivery.delivery_id),
            }
        )
    transaction.tables.insert_all(delivery_item, new_rows)
    return [each for group in groups.values() for each in group]


def name_for(transaction: Transaction, party: str, person_id: PersonId) -> str:
    """The id by which a company alone knows a person, the same in all that goes to it."""
    return _name(transaction.sealer("delivery"), party, person_id)


def _name(names: Sealer, party: str, person_id: PersonId) -> str:
    return names.name_of(party, person_id)[:32]


def _encode(result: ActResult) -> bytes:
    """The values of an act as JSON: one by its field, several of a series as a list."""
    values = {
        field: [each.value for each in rows] if len(rows := result.series(field)) > 1 else value
        for field, value in ((field, result[field]) for field in result.values)
    }
    return msgspec.json.encode(values, order="sorted")


def hand_out(transaction: Transaction, delivery_id: DeliveryId) -> Content:
    """What is in a delivery, to be given out once this is committed.

    Who is not allowed any longer is left out, with an entry. It is marked as given out, and as
    delivered only by `confirm`. DeliveryError where nothing is left to be given out.
    """
    its, items = _open_items(transaction, delivery_id)
    _require_recipient(transaction, its.party, its.recipient, its.channel)
    leaving: list[tuple[Any, bytes]] = []
    staying: list[Any] = []
    for fields, some in _by_fields(transaction, delivery_id, items).items():
        act = replace(its.act, data=fields)
        decisions = transaction.peek_each([each.person_id for each, _ in some], act)
        leaving += [each for each in some if decisions[each[0].person_id].allowed]
        staying += [each for each, _ in some if not decisions[each.person_id].allowed]
    _keep_back(transaction, its, staying)
    if not leaving:
        # Committed with what was kept back, so that the caller is told by an empty content.
        return Content(_end(transaction, its, RECALLED), 0, b"")
    at = microseconds(transaction.clock.now())
    pairs = [(each, each._replace(handed=at)) for each, _ in leaving]
    transaction.tables.rewrite(delivery_item, pairs)
    return _content(transaction, its, [(each.name, values) for each, values in leaving], at)


def _content(
    transaction: Transaction, its: PartyDelivery, leaving: Sequence[tuple[str, bytes]], at: int
) -> Content:
    """Names and their values as lines, and the delivery that says that they were given out."""
    lines = [
        msgspec.json.encode({"id": name, "values": msgspec.Raw(values)}) for name, values in leaving
    ]
    manifest = _manifest(transaction, its, [name for name, _ in leaving], lines)
    content = b"\n".join((manifest, *lines, b""))
    digest = sha256(content).hexdigest()
    changes = {"handed": at, "digest": digest}
    transaction.tables.update(delivery, changes, _ONE, its.delivery_id)
    return Content(its._replace(handed=to_datetime(at), digest=digest), len(lines), content)


def _by_fields(
    transaction: Transaction, delivery_id: DeliveryId, items: Sequence[Any]
) -> dict[tuple[str, ...], list[tuple[Any, bytes]]]:
    """The items of a delivery with their values, by the fields that are in them."""
    result: dict[tuple[str, ...], list[tuple[Any, bytes]]] = {}
    sealers = transaction.person_sealers("delivery", [each.person_id for each in items])
    for each in items:
        if each.person_id in sealers:  # who is not is being erased, and their item with them
            values = sealers[each.person_id].unseal(each.sealed, delivery_id, what="a delivery")
            fields = tuple(msgspec.json.decode(values))
            result.setdefault(fields, []).append((each, values))
    return result


def _open_items(
    transaction: Transaction, delivery_id: DeliveryId
) -> tuple[PartyDelivery, list[Any]]:
    """A delivery that waits, and its items that do, their people locked."""
    tables = transaction.tables
    people = tables.select_unchecked(
        delivery_item, ["person_id"], "delivery_id = ? AND state = ?", delivery_id, WAITING
    )
    if people:
        transaction.lock(*(PersonId(person_id) for (person_id,) in people))
    its = find(tables, delivery_id)
    if its.state != WAITING:
        raise DeliveryError(
            f"this delivery is {its.state}",
            code="delivery-state",
            hint="nothing of it is left to be given out",
        )
    where = f"state = '{WAITING}' AND {_ITEM}"
    return its, tables.select(delivery_item, where, delivery_id, parts=[WAITING])


def _manifest(
    transaction: Transaction, its: PartyDelivery, names: Sequence[str], lines: Sequence[bytes]
) -> bytes:
    """The first line of what is given out: what it is, by which clauses, and its digests."""
    front = transaction.policy.front
    return msgspec.json.encode(
        {
            "delivery": its.delivery_id,
            "from": front.provider or front.policy,
            "to": its.party,
            "as": its.recipient,
            "purpose": its.purpose,
            "fields": its.fields,
            "clauses": its.clauses,
            "policy": transaction.policy.digest,
            "under": its.reference,
            "items": [
                {"id": name, "sha256": sha256(line).hexdigest()}
                for name, line in zip(names, lines, strict=True)
            ],
        }
    )


def confirm(transaction: Transaction, delivery_id: DeliveryId, *, actor: str = "") -> PartyDelivery:
    """Note that what was given out has arrived: an entry for its people, and our copy goes.

    Done again it changes nothing. Of whoever was recalled after it had been given out it says that
    it arrived, because it did.
    """
    its = find(transaction.tables, delivery_id)
    if its.state == DONE:
        return its
    if its.handed is None:
        raise DeliveryError(
            "this delivery was not given out yet",
            code="delivery-state",
            hint="`upheld delivery fetch` writes it to a file",
        )
    at = microseconds(transaction.clock.now())
    where = f"handed IS NOT NULL AND {_ITEM}"
    items = transaction.tables.select(delivery_item, where, delivery_id, parts=_STATES)
    pairs = [(each, each._replace(state=DONE, ended=at, sealed=None)) for each in items]
    transaction.tables.rewrite(delivery_item, pairs)
    _note(transaction, its, DELIVERED, items, actor)
    return _end(transaction, its, DONE)


def recall(
    transaction: Transaction, person_id: PersonId, reference: str = "", *, actor: str = ""
) -> int:
    """Keep back what has not gone yet of somebody, of one reference or all; how many items."""
    transaction.lock(person_id)
    count = 0
    where = f"person_id = ? AND state = '{WAITING}'"
    for each in transaction.tables.select(delivery_item, where, person_id, parts=[WAITING]):
        its = find(transaction.tables, each.delivery_id)
        if reference in ("", its.reference):
            _keep_back(transaction, its, [each], actor)
            count += 1
    return count


def recall_delivery(
    transaction: Transaction, delivery_id: DeliveryId, *, actor: str = ""
) -> PartyDelivery:
    """Keep back all of a delivery that has not gone yet."""
    its, items = _open_items(transaction, delivery_id)
    _keep_back(transaction, its, items, actor)
    return _end(transaction, its, RECALLED)


def _keep_back(
    transaction: Transaction, its: PartyDelivery, items: Sequence[Any], actor: str = ""
) -> None:
    if not items:
        return
    at = microseconds(transaction.clock.now())
    pairs = [(each, each._replace(state=RECALLED, ended=at, sealed=None)) for each in items]
    transaction.tables.rewrite(delivery_item, pairs)
    _note(transaction, its, KEPT_BACK, items, actor)


def _note(
    transaction: Transaction, its: PartyDelivery, kind: str, items: Sequence[Any], actor: str
) -> None:
    """Enter what became of some items: one entry for those of one act."""
    people: dict[int, list[PersonId]] = {}
    for each in items:
        people.setdefault(each.entry, []).append(each.person_id)
    for entry, person_ids in people.items():
        transaction.note(
            person_ids[0] if len(person_ids) == 1 else person_ids,
            kind,
            after=str(entry),
            id=its.delivery_id,
            data=its.fields,
            recipient=f"{its.recipient} {its.party}",
            purpose=its.purpose,
            actor=actor,
        )


def _end(transaction: Transaction, its: PartyDelivery, state: str) -> PartyDelivery:
    at = transaction.clock.now()
    changes = {"state": state, "ended": microseconds(at)}
    transaction.tables.update(delivery, changes, _ONE, its.delivery_id)
    return its._replace(state=state, ended=at)


def find(tables: Tables, delivery_id: DeliveryId) -> PartyDelivery:
    """The delivery with an id; DeliveryError where there is none."""
    row = tables.get(delivery, _ONE, delivery_id)
    if row is None:
        raise DeliveryError(
            "there is no such delivery",
            code="no-delivery",
            hint="`upheld delivery list` tells them",
        )
    return _delivery(row)


def latest(tables: Tables, *, party: str = "", reference: str = "") -> list[PartyDelivery]:
    """The latest deliveries, of one party or reference if that is asked."""
    where = "(? = '' OR party = ?) AND (? = '' OR reference = ?)"
    rows = tables.select(
        delivery,
        f"{where} ORDER BY created_at DESC, delivery_id LIMIT ?",
        party,
        party,
        reference,
        reference,
        LISTED_MAX,
    )
    return [_delivery(each) for each in rows]


def counts(tables: Tables, delivery_ids: Sequence[DeliveryId]) -> dict[str, dict[str, int]]:
    """How many people's items each delivery has, by their state."""
    result: dict[str, dict[str, int]] = {each: {} for each in delivery_ids}
    for each in delivery_ids:
        rows = tables.select_unchecked(
            delivery_item, ["state", "COUNT(*)"], "delivery_id = ? GROUP BY state", each
        )
        result[each] = dict(rows)
    return result


def _delivery(row: Any) -> PartyDelivery:
    return PartyDelivery(
        row.delivery_id,
        row.party,
        row.recipient,
        row.purpose,
        row.occasion,
        tuple(row.fields.split()),
        row.reference,
        tuple(row.clauses.split()),
        row.channel,
        row.state,
        to_datetime(row.created_at),
        None if row.handed is None else to_datetime(row.handed),
        None if row.ended is None else to_datetime(row.ended),
        row.digest,
    )
