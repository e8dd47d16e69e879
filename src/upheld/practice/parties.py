"""The register of parties: which outside company is what to us, since when and until when.

A role is a record of the register, the very one by which the gate proves it: an engagement, that a
company is ours, or a place on the register for what partners do. It is never changed but to end. A
company is named in records and entries by a word that stays; how people call it stands beside that,
and can be changed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import Final, NamedTuple

from upheld.core import observing
from upheld.core.clock import Clock
from upheld.core.company_names import company_name, use_names
from upheld.core.errors import UpheldError
from upheld.core.ids import RecordId
from upheld.database.columns import microseconds
from upheld.database.own_tables import Tables, to_datetime
from upheld.gate.evidence.records import Record
from upheld.gate.public import REGISTER
from upheld.gate.transaction import Transaction
from upheld.policy.load import Policy
from upheld.policy.publish import recipients_table
from upheld.practice.tables import party_name

PARTNERS, ENGAGEMENT, OWNERSHIP = "partner-register", "engagement", "ownership"
AGREEMENT: Final = "agreement"
AFFILIATE: Final = "affiliate"
SUCCESSOR: Final = "successor"
ROLES: Final[Mapping[str, tuple[str, str]]] = {
    "trusted-partner": (PARTNERS, "source"),
    "business-partner": (PARTNERS, "source"),
    "supplier": (PARTNERS, "source"),
    "programme-partner": (PARTNERS, "source"),
    "advertiser": (PARTNERS, "source"),
    "report-client": (PARTNERS, "source"),
    SUCCESSOR: (PARTNERS, "source"),
    "legal-adviser": (PARTNERS, "source"),
    AFFILIATE: (OWNERSHIP, "recipient"),
    "collection-agent": (ENGAGEMENT, "recipient"),
    "payment-processor": (ENGAGEMENT, "recipient"),
}
"""What a company can be to us, with the kind of record and the dimension that prove it."""
PARTNER_ROLES: Final = ("trusted-partner", "business-partner", "supplier", "programme-partner")
"""Roles in which a company is given something under an agreement, an order or a permission."""
PUBLIC_KINDS: Final = {
    AGREEMENT: "a confidentiality agreement",
    ENGAGEMENT: "an engagement",
    PARTNERS: "an entry in this register",
    OWNERSHIP: "ownership",
}
"""Records that anybody may read, and what each rests on."""
RENAMED: Final = "party.rename"
NAME_MAX: Final = 100
EARLIEST: Final = date(1900, 1, 1)
LATEST: Final = date(2200, 1, 1)
_WORD_MAX: Final = 60


class PartyError(UpheldError):
    """A company or a role that is not there, or cannot be put on the register."""


class PartyRole(NamedTuple):
    """What a company is or was to us. `proof` says whether a text was kept that shows it."""

    record_id: RecordId
    party: str
    name: str
    role: str
    kind: str
    since: datetime
    until: datetime | None
    in_force: bool
    place: str
    proof: bool


def load_names(tables: Tables) -> dict[str, str]:
    """How people call the companies of the register, by word; pages call them so from now on."""
    names = {each.party: each.name for each in tables.select(party_name)}
    use_names(names)
    return names


def roles(transaction: Transaction, *, in_force: bool = False) -> list[PartyRole]:
    """What every company is or was to us, by name; of those in force alone if that is asked."""
    load_names(transaction.tables)
    records, _ = transaction.records_of([REGISTER], _kinds(transaction.policy))
    at = microseconds(transaction.clock.now())
    result = [role for record in records if record.party for role in _roles_of(record, at)]
    return sorted(
        (each for each in result if each.in_force or not in_force),
        key=lambda each: (each.name.casefold(), each.party, each.role, each.since),
    )


def _kinds(policy: Policy) -> list[str]:
    """The kinds of proof of the register that the vocabulary of a policy has."""
    facts = policy.program.vocabulary.facts.values()
    return sorted({fact.proof for fact in facts} & PUBLIC_KINDS.keys())


def _roles_of(record: Record, at: int) -> Iterable[PartyRole]:
    ends = [each for each in (record.ends, record.withdrawn) if each is not None]
    for word in (*record.about.get("recipient", ()), *record.about.get("source", ())):
        yield PartyRole(
            record.record_id,
            record.party,
            company_name(record.party),
            word,
            record.kind,
            to_datetime(record.valid_from),
            to_datetime(min(ends)) if ends else None,
            record.in_force(at),
            next(iter(record.about.get("place", ())), ""),
            bool(record.text_digest),
        )


def in_role(transaction: Transaction, role: str) -> list[str]:
    """The words of the companies that are something to us now, such as a collection agent."""
    return list(
        dict.fromkeys(each.party for each in roles(transaction, in_force=True) if each.role == role)
    )


def roles_until_now(transaction: Transaction, party: str) -> tuple[str, ...]:
    """What a company is or was to us; nothing where the register does not have it.

    Who was a partner has to delete what it received, and to say so: its people still come in.
    """
    now = transaction.clock.now()
    mine = of_party(transaction, party) if party else []
    return tuple(dict.fromkeys(each.role for each in mine if each.since <= now))


def known_roles(policy: Policy) -> tuple[str, ...]:
    """The roles that the words of a policy have, and that its facts can prove."""
    parties, kinds = policy.program.vocabulary.tree("party"), _kinds(policy)
    return tuple(word for word, (kind, _) in ROLES.items() if word in parties and kind in kinds)


def places(policy: Policy) -> tuple[str, ...]:
    """The words for where a company may be, as the policy's vocabulary has them."""
    return tuple(policy.program.vocabulary.tree("place"))


def add(  # noqa: PLR0913 - what is said of a company
    transaction: Transaction,
    name: str,
    role: str,
    *,
    since: date | None = None,
    until: date | None = None,
    proof: str = "",
    place: str = "",
    actor: str = "",
) -> PartyRole:
    """Put a company on the register in a role, from a day and through another one.

    Who is there by this name gets one role more. PartyError where it has it already then, or where
    something is wrong with what is said.
    """
    transaction.lock(REGISTER)
    _require_role(transaction.policy, role, place)
    name = _clean(name)
    clock = transaction.clock
    starts, ends = _span(clock, since, until)
    proof = proof.strip()
    if role == AFFILIATE and not proof:
        raise PartyError(
            "that a company is ours has to be proven",
            code="party",
            hint="say what shows that you own or control it",
        )
    party = _word_for(transaction, name)
    for each in roles(transaction):
        mine = (each.party, each.role, each.kind) == (party, role, ROLES[role][0])
        overlaps = (each.until is None or each.until > starts) and (
            ends is None or each.since < ends
        )
        if mine and overlaps:
            raise PartyError(
                f"{each.name} has this role already in that time",
                code="exists",
                hint="end it first, or choose other days",
            )
    kind, dimension = ROLES[role]
    about = {dimension: [role]} | ({"place": [place]} if place else {})
    record_id = transaction.record(
        REGISTER,
        kind,
        party=party,
        about=about,
        valid_from=starts,
        ends=ends,
        text=proof,
        actor=actor,
    )
    return next(each for each in roles(transaction) if each.record_id == record_id)


def _require_role(policy: Policy, role: str, place: str) -> None:
    if role not in known_roles(policy):
        raise PartyError(
            "no company can be that to us under this policy",
            code="party-role",
            hint="choose one of " + ", ".join(known_roles(policy)),
        )
    if place and place not in places(policy):
        raise PartyError(
            "the policy has no word for that place",
            code="party",
            hint="choose one of " + ", ".join(places(policy)),
        )


def _span(clock: Clock, since: date | None, until: date | None) -> tuple[datetime, datetime | None]:
    """From when and until when; today begins now, and the last day is part of it."""
    today = clock.today()
    first = since or today
    if not EARLIEST <= first < LATEST or (until is not None and not EARLIEST <= until < LATEST):
        raise PartyError(
            "a day lies too far from today", code="party", hint="look at the year again"
        )
    if until is not None and (until < first or until < today):
        raise PartyError(
            "the last day lies before the first one or before today",
            code="party",
            hint="choose a later last day, or leave it out",
        )
    starts = clock.now() if first == today else datetime.combine(first, time(), clock.zone)
    if until is None:
        return starts, None
    return starts, datetime.combine(until + timedelta(days=1), time(), clock.zone)


def _clean(name: str) -> str:
    """A name in the form in which it is kept. PartyError for one that nobody could read."""
    name = " ".join(unicodedata.normalize("NFC", name).split())
    odd = any(unicodedata.category(each)[0] == "C" for each in name)
    if not name or odd or len(name) > NAME_MAX:
        raise PartyError(
            "this is no name of a company",
            code="party",
            hint=f"write its name in at most {NAME_MAX} characters",
        )
    return name


def _key(name: str) -> str:
    """What two names that people could take for one another have in common."""
    return unicodedata.normalize("NFKC", name).casefold()


def _word_for(transaction: Transaction, name: str) -> str:
    """The word of the company that is called so; a new one, under this name, where none is."""
    names = _all_names(transaction)
    same = [party for party, other in names.items() if _key(other) == _key(name)]
    if same:
        return same[0]
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().casefold()
    word = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_WORD_MAX].strip("-")
    marked = f"{word or 'company'}-{sha256(_key(name).encode()).hexdigest()[:8]}"
    if not word or word in names or company_name(word) == word:
        word = marked
    if company_name(word) != name:
        transaction.tables.insert(party_name, party=word, name=name)
        load_names(transaction.tables)
    return word


def _all_names(transaction: Transaction) -> dict[str, str]:
    """How every company that ever was on the register is called now, by word."""
    names = load_names(transaction.tables)
    return {each.party: each.name for each in roles(transaction)} | names


def find(transaction: Transaction, which: str) -> str:
    """The word of a company of the register, by that word or its name. PartyError without one."""
    names = _all_names(transaction)
    if which in names:
        return which
    same = [party for party, name in names.items() if _key(name) == _key(" ".join(which.split()))]
    if len(same) != 1:
        raise PartyError(
            "no company of the register is called so",
            code="no-party",
            hint="`upheld party list` tells their names",
        )
    return same[0]


def word_of(transaction: Transaction, which: str) -> str:
    """The word of a company of the register; what was given where it has none."""
    try:
        return find(transaction, which)
    except PartyError:
        return which


def of_party(transaction: Transaction, party: str) -> list[PartyRole]:
    """What one company is or was to us, the latest first."""
    mine = [each for each in roles(transaction) if each.party == party]
    return sorted(mine, key=lambda each: each.since, reverse=True)


def proof_text(transaction: Transaction, role: PartyRole) -> str:
    """What was written down as the proof of a role; empty where nothing was."""
    return transaction.text_shown(REGISTER, role.record_id) if role.proof else ""


def end(
    transaction: Transaction, party: str, role: str = "", *, actor: str = ""
) -> list[PartyRole]:
    """End a role of a company now, or all that it has or is to have; those that were ended."""
    transaction.lock(REGISTER)
    now = transaction.clock.now()
    mine = [
        each
        for each in of_party(transaction, party)
        if role in ("", each.role) and (each.until is None or each.until > now)
    ]
    if not mine:
        raise PartyError(
            "it has no such role that could end", code="no-party", hint="see `upheld party show`"
        )
    for record_id in dict.fromkeys(each.record_id for each in mine):
        transaction.withdraw(REGISTER, record_id, ended=True, actor=actor)
    return mine


def rename(transaction: Transaction, party: str, name: str, *, actor: str = "") -> str:
    """Call a company by another name, wherever people read of it; the name until now.

    Its roles, accounts and whoever works for it stay: they name it by its word.
    """
    transaction.lock(REGISTER)
    name = _clean(name)
    names = _all_names(transaction)
    if party not in names:
        raise PartyError(
            "no company of the register is called so",
            code="no-party",
            hint="`upheld party list` tells their names",
        )
    if any(other != party and _key(called) == _key(name) for other, called in names.items()):
        raise PartyError(
            "another company of the register is called so",
            code="exists",
            hint="add something that tells them apart",
        )
    if not transaction.tables.update(party_name, {"name": name}, "party = ?", party):
        transaction.tables.insert(party_name, party=party, name=name)
    load_names(transaction.tables)
    transaction.note(None, RENAMED, actor=actor)
    return names[party]


class Receiving(NamedTuple):
    """What the policy lets companies of a role receive at most, and by which clauses."""

    data: tuple[str, ...]
    clauses: tuple[str, ...]


class PublicRow(NamedTuple):
    """A company of the public register in one role."""

    name: str
    role: str
    basis: str
    receiving: Receiving
    since: datetime


@observing.reading
@lru_cache(maxsize=4)
def _receiving(policy: Policy) -> dict[str, Receiving]:
    """What each kind of recipient may get, as the policy itself answers."""
    table = recipients_table(policy)
    result = {}
    for row in table.rows:
        cells = zip(table.columns, row.cells, strict=True)
        some = [(column, cell) for column, cell in cells if cell.outcome != "deny"]
        clauses = (clause for _, cell in some for way in cell.ways for clause in way.clauses)
        result[row.name] = Receiving(
            tuple(column for column, _ in some), tuple(dict.fromkeys(clauses))
        )
    return result


def receiving(policy: Policy, role: str) -> Receiving:
    """What companies of a role may receive at most; of a role that no rule names, as of others."""
    table, tree = _receiving(policy), policy.program.vocabulary.tree("party")
    while role and role not in table:
        role = tree[role].parent if role in tree else ""
    return table.get(role or "other", Receiving((), ()))


def public_register(transaction: Transaction) -> list[PublicRow]:
    """The companies in a role now: one row for each role, by name, from the records that prove."""
    rows: dict[tuple[str, str], PublicRow] = {}
    for each in roles(transaction, in_force=True):
        basis, key = PUBLIC_KINDS[each.kind], (each.party, each.role)
        row = rows.get(key)
        if row is None:
            what = receiving(transaction.policy, each.role)
            rows[key] = PublicRow(each.name, each.role, basis, what, each.since)
        elif basis not in row.basis:
            since = min(row.since, each.since)
            rows[key] = row._replace(basis=f"{row.basis} and {basis}", since=since)
    return list(rows.values())
