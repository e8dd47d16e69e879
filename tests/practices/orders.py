"""Instruments for stories: a legal desk of three people, and orders that came in to it."""

from __future__ import annotations

from datetime import timedelta
from io import BytesIO
from typing import Any, NamedTuple
from zipfile import ZipFile

import pyrage

from practices.conftest import House
from upheld.core.ids import InstrumentId, PersonId, UserId
from upheld.gate.act.request import Refused
from upheld.practices.accounts import domain
from upheld.practices.legal.demands import PRESERVATION, Demand
from upheld.practices.legal.instrument import Instrument
from upheld.practices.legal.instruments import Instruments
from upheld.practices.legal.notices import Notices
from upheld.practices.legal.production import Production
from upheld.practices.legal.release import Releases

IDENTITY = pyrage.x25519.Identity.generate()  # of whoever receives what is released
KEY = str(IDENTITY.to_public())
PDF = b"%PDF-1.7\n% an order of a court that does not exist\n"


class Desk(NamedTuple):
    """Who works at a legal desk, by their ids, and what they work with."""

    officer: UserId
    counsel: UserId
    second: UserId
    instruments: Instruments
    releases: Releases
    notices: Notices


def desk_of(house: House) -> Desk:
    """A legal desk at a provider."""
    instruments = Instruments(house.provider)
    return Desk(
        house.staff("legal", sign_in="olaf"),
        house.staff("counsel", sign_in="cora"),
        house.staff("counsel", "legal", sign_in="sean"),
        instruments,
        Releases(instruments),
        Notices(instruments),
    )


def account_of(house: House, person: PersonId) -> str:
    """The account number of a customer."""
    account = house.do(lambda transaction: domain.account_of(transaction.tables, person))
    assert account is not None
    return account.number


def demand(house: House, *people: PersonId, **changes: Any) -> Demand:
    """A court order of now for thirty days, for the names and addresses of some people."""
    now = house.clock.now()
    order = Demand(
        "court-order",
        "Larch County Court",
        "26-CV-0001",
        "court",
        tuple(account_of(house, each) for each in people),
        ("name", "email"),
        now,
        now + timedelta(days=30),
    )
    return order._replace(**changes)


def opened(house: House, desk: Desk, order: Demand, document: bytes = PDF) -> Instrument:
    """Open an instrument."""
    return house.do(
        lambda transaction: desk.instruments.open(transaction, order, document, desk.officer)
    )


def approved(house: House, desk: Desk, order: Demand) -> Instrument:
    """Open an instrument, let counsel check it and a second person approve it."""
    instrument_id = opened(house, desk, order).instrument_id
    house.do(lambda t: desk.instruments.check(t, instrument_id, desk.counsel))
    if order.kind != PRESERVATION:
        give_key(house, desk, instrument_id)
    return house.do(lambda t: desk.instruments.approve(t, instrument_id, desk.second))


def give_key(house: House, desk: Desk, instrument_id: InstrumentId) -> Instrument:
    """Let what is released be encrypted to the key of the recipient."""
    return house.do(lambda t: desk.instruments.set_key(t, instrument_id, KEY, desk.counsel))


def release(house: House, desk: Desk, instrument: Instrument, **part: Any) -> Production | Refused:
    """Release what an instrument demands, or a part, and get the file of it."""
    which = instrument.instrument_id
    result = house.do(lambda t: desk.releases.release(t, which, desk.officer, **part))
    if isinstance(result, Production):
        house.do(lambda t: desk.releases.custody.confirm(t, which, result.release, desk.officer))
    return result


def texts(production: Production | Refused) -> dict[str, str]:
    """The files of a production by name, once the recipient has decrypted it."""
    assert isinstance(production, Production)
    return opened_files(production.content)


def opened_files(production: bytes) -> dict[str, str]:
    """The files in what was handed over, by name."""
    with ZipFile(BytesIO(pyrage.decrypt(production, [IDENTITY]))) as file:
        return {each: file.read(each).decode() for each in file.namelist()}


def send_notices(house: House, desk: Desk) -> int:
    """Run the job that writes the notices that are owed."""
    return desk.notices.send_due(house.provider.gate.gate)
