"""What people type for a kind of data, read as the gate takes it, in every form."""

from __future__ import annotations

from datetime import date
from typing import Final

from upheld.core.ids import PersonId
from upheld.gate.evidence import field_values
from upheld.gate.transaction import Transaction
from upheld.practice.plugin import Provider
from upheld.web.forms import Field

TYPED: Final = frozenset({"text", "email", "tel", "date", "textarea"})  # else it is chosen


def today(provider: Provider) -> date:
    """The provider's day."""
    return provider.today()


def canonical(provider: Provider, word: str, value: str) -> str:
    """A value in the form in which it is stored. Raises ValueError with a sentence for the form."""
    country = provider.settings.country
    return field_values.canonical(word, value, today=today(provider), country=country)


def with_check(provider: Provider, word: str, field: Field) -> Field:
    """A form's field that checks what is typed for a kind of data; a field to choose from as is."""
    if field.kind not in TYPED:
        return field
    return field._replace(check=lambda value: canonical(provider, word, value))


def find_people(
    provider: Provider, transaction: Transaction, word: str, value: str
) -> list[PersonId]:
    """The ids of the people with an e-mail address or phone number, however it is written."""
    try:
        spellings = [canonical(provider, word, value), value]
    except ValueError:
        spellings = [value]  # as one that was kept before values were checked
    matches = (transaction.find(word, each) for each in spellings)
    return next((people for people in matches if people), [])
