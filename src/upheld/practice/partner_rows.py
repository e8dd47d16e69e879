"""Rows of what customers bought from a partner, as they are read: nothing is looked up for it.

Whose a row is, and whether anything of it may be kept, is for whoever takes it in.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final

import msgspec

from upheld.practice.matching import KeyReader, RowKeys

WORDS: Final = ("reference", "date", "amount", "currency", "what")
_LENGTH_MAX: Final = 200
_TEXTS_MAX: Final = 20_000  # that a reader has in mind
_AMOUNT: Final = re.compile(r"(-?)([0-9]{1,9})(?:\.([0-9]{1,2}))?", re.ASCII)
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_CURRENCY: Final = re.compile(r"[A-Z]{3}", re.ASCII)
_ENCODER: Final = msgspec.json.Encoder()


class PartnerTransaction(msgspec.Struct, frozen=True, omit_defaults=True):
    """A transaction of a customer with a partner."""

    reference: str  # by which the partner knows it
    day: date
    cents: int
    currency: str
    what: str
    company: str = ""  # where that is another one than who told us
    stolen: bool = False  # whether the access by which that one was told of it was stolen


_TRANSACTION: Final = msgspec.json.Decoder(PartnerTransaction)


class PartnerRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A row that can be read: what it is matched by, and what is kept of it, as JSON."""

    reference: str
    day: str  # such as 2026-03-01
    whose: RowKeys  # by what it is matched
    content: bytes  # a PartnerTransaction


class RowReader:
    """Reads rows by their words; what many have in common, such as a day, is read once.

    No row is of a day after the `latest`.
    """

    def __init__(self, latest: date) -> None:
        self._latest, self._keys = latest, KeyReader(latest)
        self._days: dict[str, date] = {}
        self._amounts: dict[str, int] = {}
        self._texts: dict[str, str] = {}  # what was bought

    def read(self, values: Mapping[str, str]) -> PartnerTransaction:
        """A row by its words; ValueError, which says what is wrong and repeats no value."""
        if len(self._texts) + len(self._amounts) + len(self._days) > _TEXTS_MAX:
            self._days, self._amounts, self._texts = {}, {}, {}
        get = values.get
        reference, raw_what = _text("reference", get("reference", "")), get("what", "")
        what = self._texts.get(raw_what)
        if what is None:
            what = self._texts[raw_what] = _text("what", raw_what)
        raw_day, raw_amount = get("date", ""), get("amount", "")
        when = self._days.get(raw_day)
        if when is None:
            when = self._days[raw_day] = _day(raw_day.strip(), self._latest)
        cents = self._amounts.get(raw_amount)
        if cents is None:
            cents = self._amounts[raw_amount] = _cents(raw_amount.strip())
        currency = get("currency", "").strip()
        if not _CURRENCY.fullmatch(currency):
            raise ValueError("`currency` is three letters, such as USD")
        return PartnerTransaction(reference, when, cents, currency, what)

    def row(self, values: Mapping[str, str]) -> PartnerRow | None:
        """A row with what it is matched by; None for one that cannot be read."""
        try:
            its = self.read(values)
            whose = self._keys.read(values)
        except ValueError:
            return None
        return PartnerRow(its.reference, its.day.isoformat(), whose, _ENCODER.encode(its))


def read_json(text: str, today: date) -> PartnerTransaction:
    """A row as another provider has it, in JSON; ValueError where it is none.

    It may be of tomorrow, which begins earlier elsewhere.
    """
    its = _TRANSACTION.decode(text)
    sign, cents = "-" if its.cents < 0 else "", abs(its.cents)
    words = {
        "reference": its.reference,
        "date": its.day.isoformat(),
        "amount": f"{sign}{cents // 100}.{cents % 100:02}",
        "currency": its.currency,
        "what": its.what,
    }
    same = RowReader(today + timedelta(days=1)).read(words)
    same = msgspec.structs.replace(same, company=_text("company", its.company), stolen=its.stolen)
    if same != its:
        raise ValueError("it is not as a row of a partner's is kept")
    return its


def _day(text: str, latest: date) -> date:
    try:
        when = date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        when = None
    if when is None or when > latest:
        raise ValueError("`date` is a day until today, such as 2026-03-01")
    return when


def _cents(text: str) -> int:
    number = _AMOUNT.fullmatch(text)
    if number is None:
        raise ValueError("`amount` is a number such as 12.50")
    cents = int(number[2]) * 100 + int((number[3] or "").ljust(2, "0"))
    return -cents if number[1] else cents


def plain(text: str) -> str:
    """A text in the form in which it is kept: written otherwise, it is the same."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    return " ".join(text.split())


def _text(word: str, text: str) -> str:
    text = plain(text)
    unseen = not (text.isascii() and text.isprintable()) and any(
        unicodedata.category(each)[0] == "C" for each in text
    )
    if not 0 < len(text) <= _LENGTH_MAX or unseen:
        raise ValueError(f"`{word}` is a text of at most {_LENGTH_MAX} characters")
    return text
