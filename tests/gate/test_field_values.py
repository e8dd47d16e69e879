"""Values of fields: read alike wherever they come from, and kept in one form."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upheld.core import mailbox
from upheld.core.errors import UpheldError
from upheld.core.ids import PersonId
from upheld.core.settings import SettingsError, read_settings
from upheld.gate.act.options import StoreOptions
from upheld.gate.erasure.holdings import holdings
from upheld.gate.evidence import field_values
from upheld.gate.evidence.field_values import FieldValueError
from upheld.gate.gate import Gate

TODAY = date(2026, 3, 1)


def canonical(field: str, value: str, country: str = "US") -> str:
    """A value as it is kept on a day of the tests."""
    return field_values.canonical(field, value, today=TODAY, country=country)


@pytest.mark.parametrize(
    ("typed", "country", "kept", "shown"),
    [
        ("(425) 555-0142", "US", "+14255550142", "+1 425-555-0142"),
        ("425.555.0142", "US", "+14255550142", "+1 425-555-0142"),
        ("425\u00a0555\u20110142", "US", "+14255550142", "+1 425-555-0142"),
        ("1 425 555 0142", "US", "+14255550142", "+1 425-555-0142"),
        ("+1 425 555 0142", "GB", "+14255550142", "+1 425-555-0142"),
        ("(425) 555-0142 ext 12", "US", "+14255550142;ext=12", "+1 425-555-0142 ext. 12"),
        ("425 555 0142 x12", "US", "+14255550142;ext=12", "+1 425-555-0142 ext. 12"),
        ("020 7946 0018", "GB", "+442079460018", "+44 20 7946 0018"),
        ("+44 20 7946 0018", "US", "+442079460018", "+44 20 7946 0018"),
        ("\uff08425\uff09555-0142", "US", "+14255550142", "+1 425-555-0142"),
    ],
)
def test_a_phone_number_is_kept_in_one_form_however_it_is_typed(
    typed: str, country: str, kept: str, shown: str
) -> None:
    """The provider's country is meant where none is written; people see it in groups."""
    assert canonical("phone", typed, country) == kept
    assert canonical("phone", kept, country) == kept
    assert field_values.display_value("phone", kept) == shown


_DIGITS = st.text("0123456789", min_size=3, max_size=3)
_BETWEEN = st.sampled_from(["", " ", ".", "-"])


@given(
    st.tuples(st.sampled_from("23456789"), st.text("0123456789", min_size=2, max_size=2)),
    _DIGITS,
    st.text("0123456789", min_size=4, max_size=4),
    st.tuples(_BETWEEN, _BETWEEN, _BETWEEN),
    st.sampled_from(["US", "CA", "AG", "GB", "DE"]),
)
def test_a_number_that_is_read_without_the_library_is_the_one_that_it_would_read(
    area: tuple[str, str], exchange: str, line: str, between: tuple[str, str, str], country: str
) -> None:
    """With parentheses the same number is read by the library, whatever its digits are."""
    first, second, third = between
    code = "".join(area)
    typed = f"+1{first}{code}{second}{exchange}{third}{line}"
    by_library = field_values.phone(f"+1 ({code}) {exchange}-{line}", country)
    assert field_values.phone(typed, country) == by_library == f"+1{code}{exchange}{line}"


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("phone", "555-0142", "area code"),
        ("phone", "call me", "area code"),
        ("phone", "425 555 0142 / 425 555 0143", "area code"),
        ("phone", "4.25555E+09", "area code"),
        ("phone", "4111 1111 1111 1111", "card"),
        ("name", "Ann 4111-1111-1111-1111", "card"),
        ("occupation", "4111111111111111", "card"),
        ("address", "12 Mill Lane\n98052 4111 1111 1111 1111", "card"),
        ("interests", "\uff14111 1111 1111 1111", "card"),
        ("name", "Ann\nLee", "one line"),
        ("name", "Ann\rLee", "nobody can see"),
        ("name", "Ann\x00Lee", "nobody can see"),
        ("name", "Ann\u202eeeL", "nobody can see"),
        ("name", "\ufeffAnn", "nobody can see"),
        ("name", "Ann\u2028Lee", "nobody can see"),
        ("name", "An\ufffdn", "nobody can see"),
        ("name", "A" * 101, "at most 100"),
        ("address", "\n".join("abcdefghi"), "at most 8 lines"),
        ("email", "ann@marked.example, bo@marked.example", "name@example.com"),
        ("email", "ann@", "name@example.com"),
        ("birth-date", "2026-03-02", "in the future"),
        ("birth-date", "1890-01-01", "years ago"),
        ("birth-date", "2026-02-29", "1990-12-31"),
        ("birth-date", "19900101", "1990-12-31"),
        ("birth-date", "1990-W01-1", "1990-12-31"),
        ("birth-date", "1/2/1990", "1990-12-31"),
    ],
)
def test_what_a_field_cannot_be_is_refused_and_not_repeated(
    field: str, value: str, sentence: str
) -> None:
    """The sentence says what to do, and holds nothing of the value."""
    with pytest.raises(ValueError, match=sentence) as caught:
        canonical(field, value)
    assert value not in str(caught.value)


def test_what_looks_alike_is_kept_alike() -> None:
    """Composed letters, plain spaces, line ends of one kind."""
    assert canonical("name", " Zoe\u0301\u00a0Lee ") == "Zo\u00e9 Lee"
    assert canonical("address", "12 Mill Lane \r\n Larch Valley") == "12 Mill Lane\nLarch Valley"
    assert canonical("birth-date", "2024-02-29") == "2024-02-29"


@pytest.mark.parametrize("whole", ["+49 151 23456789", "+4915123456783"])
def test_a_whole_phone_number_is_no_card(whole: str) -> None:
    """One of thirteen digits may have a card's check digit by chance."""
    assert canonical("phone", whole) == whole.replace(" ", "")


@pytest.mark.parametrize("text", ["98052 425 555 0142", "order 1234567890123", "1990-01-02 1 2"])
def test_other_digits_are_no_card(text: str) -> None:
    """A zip code, a phone number, a number without a card's check digit."""
    assert not field_values.has_card_number(text)


def test_the_country_of_the_settings_is_one_whose_numbers_can_be_read() -> None:
    """Anything else is told when the settings are read."""
    assert read_settings(None, {"UPHELD_COUNTRY": "GB"}).country == "GB"
    for wrong in ("gb", "UK", "Larch Valley"):
        with pytest.raises(SettingsError, match="is not a country"):
            read_settings(None, {"UPHELD_COUNTRY": wrong})


@pytest.mark.parametrize("writer", ["store", "bring"])
@pytest.mark.parametrize(
    ("field", "typed", "kept"),
    [
        ("phone", "(425) 555-0142", "+14255550142"),
        ("name", " Zoe\u0301 Lee ", "Zo\u00e9 Lee"),
        ("phone", "call me", None),
        ("email", "ann@", None),
        ("birth-date", "1/2/1990", None),
        ("name", "Ann\x00Lee", None),
        ("address", "4111 1111 1111 1111", None),
    ],
)
def test_whoever_writes_a_value_is_read_at_the_gate(
    gate: Gate, person: PersonId, writer: str, field: str, typed: str, kept: str | None
) -> None:
    """A form, a program and an import alike: one form of a value, or nothing and one sentence."""
    before = len(gate.entries(person))

    def write() -> None:
        with gate.together() as transaction:
            if writer == "bring":
                transaction.bring(person, {field: typed})
            else:
                transaction.store(
                    person, {field: typed}, source="customer", occasion="registration"
                )

    if kept is not None:
        write()
        assert gate.use(person, [field], purpose="service-provision")[field] == kept
        return
    with pytest.raises(FieldValueError) as caught:
        write()
    assert caught.value.code == "field-value"
    assert field in str(caught.value)
    assert typed not in str(caught.value)
    assert len(gate.entries(person)) == before


def test_a_series_is_read_by_who_reads_it_and_refused_whole(gate: Gate, person: PersonId) -> None:
    """Of some rows at once one that nobody could read lets none in; other fields are text."""
    gate.context.fields.add("transaction", json.loads)
    options: StoreOptions = {"source": "customer", "occasion": "service-use"}
    with pytest.raises(FieldValueError, match="`transaction`"):
        gate.append(person, "transaction", ["{}", "4111 of something"], **options)
    gate.context.fields.add("usage", json.loads)
    with pytest.raises(UpheldError, match="two practices say"):
        gate.context.fields.add("usage", str)
    assert "transaction" not in {each.field for each in holdings(gate, person)}
    gate.append(person, "transaction", ["{}", "1"], **options)
    assert gate.use(person, ["transaction"], purpose="fraud-detection").series("transaction")


def test_an_odd_birth_date_of_an_earlier_upheld_proves_no_age(gate: Gate, person: PersonId) -> None:
    """It is set aside: the age is unknown until somebody writes a date, and no act fails."""
    fields = gate.context.fields
    with pytest.MonkeyPatch.context() as earlier:
        earlier.setattr(type(fields), "normalise", lambda _self, _field, value, _today: value)
        gate.store(person, {"birth-date": "the 1st"}, source="customer", occasion="registration")
    assert not gate.peek("serve", person).allowed
    gate.store(person, {"birth-date": "1990-02-01"}, source="customer", occasion="registration")
    assert gate.peek("serve", person).allowed


def outcome(read: Callable[[str], str], value: str) -> str:
    """What an address is read as, or the sentence that refuses it."""
    try:
        return read(value)
    except ValueError as error:
        return f"no: {error}"


@given(
    st.from_regex(r"[a-z0-9_+.-]{0,66}@([a-z0-9.-]{0,8}\.)?[A-Za-z0-9-]{0,8}", fullmatch=True)
    | st.from_regex(
        r"[a-z0-9+-]{1,9}@[a-z]{1,5}\.(example|test|local|com|xn--p1ai)", fullmatch=True
    )
)
def test_an_address_of_plain_letters_is_read_as_every_other_one_is(value: str) -> None:
    """The quick road and the whole one keep the same form and refuse the same."""
    assert outcome(mailbox.canonical, value) == outcome(mailbox._read, value)
