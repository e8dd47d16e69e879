"""The accounts that an instrument names: by number, or by an e-mail address or a phone number.

A court often has only the latter. They are looked for inside: no entry says so, as a customer would
see it whom the order forbids to tell, and what is kept is the account's number. Of an account go
with its customer those for whom something of it is kept apart; they are found by its number alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from upheld.core.ids import PersonId
from upheld.gate.sealing import Sealer
from upheld.gate.transaction import Transaction
from upheld.practice.form_values import find_people
from upheld.practice.plugin import Provider
from upheld.practices.legal.apart import apart_by_account
from upheld.practices.legal.demands import LegalError


def accounts_by_name(
    provider: Provider, sealer: Sealer, transaction: Transaction, names: Sequence[str]
) -> dict[str, list[PersonId]]:
    """The people of each account that is named, by its number.

    LegalError for what is nobody's, and for an address or a phone number of several accounts; it
    says which one of the list it is, by its place.
    """
    apart = apart_by_account(transaction, sealer)
    people: dict[str, list[PersonId]] = {}
    for place, name in enumerate((each.strip() for each in names), 1):
        numbers = {name} if name in apart else _numbers(provider, transaction, name)
        if not numbers:
            raise LegalError(
                f"number {place} in the list is nobody's account number, e-mail address or phone"
                " number",
                code="legal-reach",
                hint="compare each with the document; nothing is opened or released for others"
                " either",
                field="accounts",
            )
        if len(numbers) > 1:
            raise LegalError(
                f"number {place} in the list is an address or a phone number of several accounts",
                code="legal-reach",
                hint="ask the issuer for something that only the one whom they mean has, such as"
                " the account number",
                field="accounts",
            )
        for number in numbers:
            people[number] = [
                *provider.find_people(transaction, "account", number),
                *apart.get(number, []),
            ]
    return people


def _numbers(provider: Provider, transaction: Transaction, name: str) -> set[str]:
    """The numbers of the accounts that a number, an address or a phone number is of."""
    if provider.find_people(transaction, "account", name):
        return {name}
    word = "email" if "@" in name else "phone"
    if word == "phone" and not any(map(str.isdecimal, name)):
        return set()
    people = find_people(provider, transaction, word, name)
    numbers = {provider.account_number(transaction.tables, each) for each in people}
    return {each for each in numbers if each is not None}
