"""What a value of a field may be, and the one form in which it is kept: for whoever writes one.

A form, a correction and an import all ask here, so that a phone number, a date or a name is read
alike wherever it comes from. A mistake is a ValueError with one sentence that says what to do, and
that never repeats the value.

The gate asks too, of every value that is stored, so that nobody writes past it (`FieldValues`):
of the fields that people write, and of those of which a practice says how it reads them. Any
other field is text of which the gate knows nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date
from typing import Final, NamedTuple

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, ValidationResult

from upheld.core import mailbox
from upheld.core.errors import UpheldError
from upheld.gate.evidence.provers import years

AGE_MAX: Final = 130
COUNTRY: Final = "US"  # whose phone numbers need no country code, where nobody says
# What the program writes itself, each with how it comes to be; none of it is taken from a file.
WRITTEN_BY_PROGRAM: Final = {
    "account-id": "it is given when an account is opened",
    "balance": "it is worked out of invoices and payments",
    "payment-history": "it is worked out of payments",
    "card": "a card is given on the payment processor's own page",
    "billing-account": "it is given on the payment processor's own page",
    "credentials": "everybody chooses a password of their own",
    "privacy-choices": "a choice is a record that its person makes",
    "transaction": "it is noted when it happens",
    "usage": "it is noted when it happens",
    "services": "a service is ordered by its customer",
    "messages": "it is kept when a message is written",
    "mail-content": "it is carried for its owner alone",
    "segment": "it is worked out of what is known",
    "ip-network": "it is noted at a visit",
    "ip-address": "it is noted at a visit",
    "cookie-id": "it is noted at a visit",
    "page-request": "it is noted at a visit",
    "user-agent": "it is noted at a visit",
    "ad-interaction": "it is noted at a visit",
}

_SPACES: Final = re.compile(r"[\u00a0\u2007\u202f\u3000]")  # seen as spaces, and compared as none
# Not seen at all, or making text look other than it is: controls, line ends, marks of direction.
_UNSEEN: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff"
    r"\ufff9-\ufffd]"
)
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DASHES: Final = re.compile(r"[\u2010-\u2015\u2212]")
_PHONE: Final = re.compile(r"\+?[0-9 ()./-]+(?:(?:,|;)? ?(?:ext(?:ension)?\.?|x|#) ?[0-9]{1,7})?")
_WITH_CODE: Final = re.compile(  # a whole number of the country code 1
    r"\+1[ .-]?([2-9][0-9]{2})[ .-]?([0-9]{3})[ .-]?([0-9]{4})", re.ASCII
)
_EXTENSION: Final = ";ext="  # as RFC 3966 writes it, after the number
_GROUPS: Final = re.compile(r"[0-9]+(?:[ .\-][0-9]+)*")
_CARD_MIN, _CARD_MAX = 13, 19
_LONG_NUMBER: Final = re.compile(  # in which that of a card may stand
    rf"[0-9](?:[ .\-]?[0-9]){{{_CARD_MIN - 1}}}", re.ASCII
)
_CARD_FIRST: Final = frozenset("23456")  # with which the numbers of all issuers begin


class ValueKind(NamedTuple):
    """What a field's values are: how long at most, of how many lines, and how one is read."""

    length_max: int = 100
    lines: int = 1
    read: Callable[[str, str, date], str] | None = None


def _email(value: str, _country: str, _today: date) -> str:
    return mailbox.canonical(value)


def _birth_date(value: str, _country: str, today: date) -> str:
    return birth_date(value, today)


def _phone(value: str, country: str, _today: date) -> str:
    return phone(value, country)


KINDS: Final = {
    "name": ValueKind(),
    "email": ValueKind(254, read=_email),
    "phone": ValueKind(40, read=_phone),
    "address": ValueKind(300, lines=8),
    "birth-date": ValueKind(10, read=_birth_date),
    "zip": ValueKind(12),
    "interests": ValueKind(300),
}
PLAIN: Final = ValueKind()
ValueReader = Callable[
    [str], object
]  # reads a value of a practice's own; an error where it is none


class FieldValueError(UpheldError):
    """A value that its field cannot have; it is never quoted."""


class FieldValues:
    """How the values of fields are read, at the gate's border."""

    def __init__(self) -> None:
        self.country = COUNTRY  # whose phone numbers need no country code
        self._readers: dict[str, ValueReader] = {}

    def add(self, field: str, read: ValueReader) -> None:
        """Let a practice say how it reads values of a field; UpheldError where one does."""
        if field in self._readers or field in KINDS:
            raise UpheldError(
                f"two practices say how values of `{field}` are read",
                code="field",
                hint="remove one of the two",
            )
        self._readers[field] = read

    def normalise(self, field: str, value: str, today: date) -> str:
        """A value in the form in which it is kept; FieldValueError where its field has no such."""
        try:
            if field in KINDS:
                return canonical(field, value, today=today, country=self.country)
            if reader := self._readers.get(field):
                reader(value)
        except (ValueError, TypeError, UpheldError) as error:
            why = str(error) if field in KINDS else "No practice could read it."
            raise FieldValueError(
                f"`{field}`: {why}", code="field-value", hint="nothing was stored"
            ) from None
        return value

    def normalise_all(self, values: Mapping[str, str], today: date) -> dict[str, str]:
        """Values by field, each as `normalise` gives it."""
        return {field: self.normalise(field, value, today) for field, value in values.items()}


def canonical(field: str, value: str, *, today: date, country: str = COUNTRY) -> str:
    """A value in the form in which it is kept; ValueError with a sentence where it is none.

    `country` is where a phone number without a country code is, `today` the provider's day.
    """
    if value.isascii():
        if field == "email" and (plain := mailbox.plain(value.strip())):  # as most are written
            _refuse_card(plain)
            return plain
        text = value.strip()
    else:
        text = unicodedata.normalize("NFC", _SPACES.sub(" ", value)).strip()
    kind = KINDS.get(field, PLAIN)
    lines = [line.strip() for line in text.replace("\r\n", "\n").split("\n")]
    if len(lines) > kind.lines:
        raise ValueError(
            "Write it on one line." if kind.lines == 1 else f"Take at most {kind.lines} lines."
        )
    if any(_UNSEEN.search(line) for line in lines):
        raise ValueError("There are characters in it that nobody can see. Type it again.")
    text = "\n".join(lines)
    if len(text) > kind.length_max:
        raise ValueError(f"Take at most {kind.length_max} characters.")
    try:
        read = kind.read(text, country, today) if kind.read else text
    except ValueError:
        _refuse_card(text)  # says more than that it is no phone number
        raise
    if field != "phone":  # a whole phone number may have the check digit of a card by chance
        _refuse_card(read)
    return read


def _refuse_card(value: str) -> None:
    if has_card_number(value):
        raise ValueError("It holds the number of a card, which we never keep. Leave it out.")


def birth_date(value: str, today: date) -> str:
    """A birth date as 1990-12-31, of somebody who can be alive today."""
    if not _DAY.fullmatch(value):
        raise ValueError("Write the date as 1990-12-31.")
    try:
        born = date.fromisoformat(value)
    except ValueError:
        raise ValueError("Write the date as 1990-12-31.") from None
    if born > today:
        raise ValueError("This date is in the future. Check the year.")
    if years(born, today) > AGE_MAX:
        raise ValueError(f"This is more than {AGE_MAX} years ago. Check the year.")
    return value


def phone(value: str, country: str = COUNTRY) -> str:
    """A phone number as E.164 writes it, such as +14255550142, with an extension after `;ext=`."""
    if parts := _WITH_CODE.fullmatch(value):  # as most are, and as we keep them
        return "+1" + "".join(parts.groups())
    wrong = "Write the number with its area code, such as +1 425 555 0142."
    plain = _DASHES.sub("-", unicodedata.normalize("NFKC", value)).replace(_EXTENSION, " ext ")
    if not _PHONE.fullmatch(plain.strip().lower()):
        raise ValueError(wrong)
    try:
        parsed = phonenumbers.parse(plain, country)
    except NumberParseException:
        raise ValueError(wrong) from None
    reason = phonenumbers.is_possible_number_with_reason(parsed)
    if reason != ValidationResult.IS_POSSIBLE:
        raise ValueError(wrong)
    number = phonenumbers.format_number(parsed, PhoneNumberFormat.E164)
    return number + (_EXTENSION + parsed.extension if parsed.extension else "")


def display_value(field: str, value: str) -> str:
    """A value as people read it: a phone number in groups, with its country's code."""
    if field != "phone" or not value.startswith("+"):
        return value
    try:
        number = phonenumbers.parse(value.replace(_EXTENSION, " ext "), None)
    except NumberParseException:  # one that was kept before numbers were checked
        return value
    return phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)


def has_card_number(text: str) -> bool:
    """Whether digits in a text, together or in groups, are the number of a payment card."""
    if text.isascii() and not _LONG_NUMBER.search(text):
        return False
    plain = _DASHES.sub("-", unicodedata.normalize("NFKC", text))
    for match in _GROUPS.finditer(plain):
        groups = re.findall(r"[0-9]+", match[0])
        for first in range(len(groups)):
            digits = ""
            for group in groups[first:]:
                digits += group
                if len(digits) > _CARD_MAX:
                    break
                if len(digits) >= _CARD_MIN and _is_card(digits):
                    return True
    return False


def _is_card(digits: str) -> bool:
    """Whether digits carry the check digit of a card (ISO/IEC 7812)."""
    if digits[0] not in _CARD_FIRST:
        return False
    doubled = [int(each) * (1 + at % 2) for at, each in enumerate(reversed(digits))]
    return sum(each - 9 if each > 9 else each for each in doubled) % 10 == 0
