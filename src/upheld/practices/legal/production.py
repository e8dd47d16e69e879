"""A production: what is handed over under an instrument, as numbered pages with a manifest.

It is an age file, encrypted like every file that leaves us to the key of whoever receives it. In it
is a ZIP file that any tool opens. Each page is a text of its own with its number, which no page of
another release has; the manifest lists every page with its digest, and every entry of our ledger
under which something left. It never stands in the outbox of deliveries, since managers read that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from io import BytesIO
from operator import itemgetter
from typing import Final, NamedTuple
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import msgspec

from upheld.core.ids import EntryNumber
from upheld.policy.load import Policy
from upheld.practice import party_keys
from upheld.practice.labels import label_of_customers
from upheld.practices.legal.instrument import Instrument

LINES: Final = 50  # of a page
WIDTH: Final = 100
FORMAT: Final = "upheld-production-1"
UNREADABLE: Final = "(an earlier value was changed in our database and cannot be read)"


class ReleasedPerson(NamedTuple):
    """What is released of one person: by field, each value with when it came in.

    `unreadable` are the fields of which the order has us keep something that does not open.
    """

    account: str
    entry: EntryNumber
    values: Mapping[str, tuple[tuple[datetime, str], ...]]
    unreadable: tuple[str, ...] = ()


class Production(NamedTuple):
    """A production's file, encrypted, and the SHA-256 of the archive in it."""

    release: int  # the number of the release under its instrument
    name: str
    content: bytes
    digest: str
    unreadable: tuple[str, ...] = ()  # kinds of data of which something did not open
    missing: tuple[str, ...] = ()  # accounts of which there is nothing, as their rows were changed


class PageDigest(msgspec.Struct, frozen=True):
    """A page as the manifest lists it."""

    number: str
    account: str
    sha256: str


class Unreadable(msgspec.Struct, frozen=True):
    """A kind of data of an account of which some was changed in the database, and is not given."""

    account: str
    field: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a production is of, and all that is in it."""

    format: str = FORMAT
    instrument: str
    kind: str
    issuer: str
    reference: str
    document_sha256: str
    recipient: str
    release: int  # of how many under the instrument until then, this one too
    fields: tuple[str, ...]
    period_start: datetime | None
    period_end: datetime | None
    persons_named: int
    persons_released: int
    released: datetime
    policy: str
    entries: tuple[int, ...]
    pages: tuple[PageDigest, ...]
    unreadable: tuple[Unreadable, ...] = ()  # what is missing, as it does not open
    accounts_missing: tuple[str, ...] = ()  # what is named and not given, as its row was changed


def build(
    instrument: Instrument,
    people: Sequence[ReleasedPerson],
    policy: Policy,
    at: datetime,
    releaser: str,
    missing: tuple[str, ...] = (),
) -> Production:
    """The production of what is released of some people, its pages numbered through.

    It says of which accounts that the instrument names everything is `missing`.
    """
    release = instrument.releases + 1
    prefix = f"{instrument.party.upper()}-{release}"
    texts: list[tuple[str, str, str]] = []
    for person in _by_account(people):
        for lines in _pages(_lines(person, policy, at)):
            number = f"{prefix}-{len(texts) + 1:06}"
            head = f"{number}\nAccount {person.account}, released by {releaser}\n\n"
            texts.append((number, person.account, head + "\n".join(lines) + "\n"))
    manifest = Manifest(
        instrument=instrument.party,
        kind=instrument.kind,
        issuer=instrument.issuer,
        reference=instrument.reference,
        document_sha256=instrument.document,
        recipient=instrument.recipient,
        release=release,
        fields=instrument.fields,
        period_start=instrument.period_start,
        period_end=instrument.period_end,
        persons_named=instrument.persons,
        persons_released=len({each.account for each in people}),
        released=at,
        policy=policy.digest,
        entries=tuple(each.entry for each in people),
        pages=tuple(
            PageDigest(number, account, sha256(text.encode()).hexdigest())
            for number, account, text in texts
        ),
        unreadable=tuple(
            Unreadable(account, field)
            for account, field in dict.fromkeys(
                (each.account, field) for each in people for field in each.unreadable
            )
        ),
        accounts_missing=missing,
    )
    out = BytesIO()
    with ZipFile(out, "w", ZIP_DEFLATED) as file:
        body = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
        file.writestr(_info("manifest.json", at), body)
        for number, _, text in texts:
            file.writestr(_info(f"pages/{number}.txt", at), text)
    archive = out.getvalue()
    return Production(
        release,
        f"{instrument.party}-{release}.zip{party_keys.SUFFIX}",
        party_keys.encrypt(instrument.key, archive),
        sha256(archive).hexdigest(),
        tuple(dict.fromkeys(each.field for each in manifest.unreadable)),
        missing,
    )


def _by_account(people: Sequence[ReleasedPerson]) -> list[ReleasedPerson]:
    """What is released by account, with what is kept apart of it, in the order of when it came."""
    accounts: dict[str, ReleasedPerson] = {}
    for each in people:
        first = accounts.setdefault(each.account, each._replace(values={}, unreadable=()))
        values = {
            field: tuple(
                sorted(
                    (*first.values.get(field, ()), *each.values.get(field, ())), key=itemgetter(0)
                )
            )
            for field in dict.fromkeys((*first.values, *each.values))
        }
        unreadable = tuple(dict.fromkeys((*first.unreadable, *each.unreadable)))
        accounts[each.account] = first._replace(values=values, unreadable=unreadable)
    return list(accounts.values())


def _info(name: str, at: datetime) -> ZipInfo:
    info = ZipInfo(name, at.timetuple()[:6])
    info.compress_type = ZIP_DEFLATED
    return info


def _lines(person: ReleasedPerson, policy: Policy, at: datetime) -> list[str]:
    """What is released of a person, a line each, none longer than a page is wide."""
    lines = list[str]()
    for field in dict.fromkeys((*person.values, *person.unreadable)):
        values = person.values.get(field, ())
        lines.append(f"{label_of_customers(policy, 'data', field)} ({field})")
        for moment, value in values:
            lines.append(f"  since {moment.astimezone(at.tzinfo).isoformat(timespec='seconds')}:")
            for line in value.splitlines() or [""]:
                parts = range(0, max(len(line), 1), WIDTH)
                lines += [f"    {line[first : first + WIDTH]}" for first in parts]
        if field in person.unreadable:
            lines.append(f"  {UNREADABLE}")
        elif not values:
            lines.append("  nothing of the period")
        lines.append("")
    return lines or ["We hold none of what the instrument names."]


def _pages(lines: Sequence[str]) -> list[Sequence[str]]:
    return [lines[first : first + LINES] for first in range(0, len(lines), LINES)]
