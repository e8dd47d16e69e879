"""The customers that a provider had before, taken in from a file: all of them, or none.

Who is taken in has values, but no account and no password yet. A person whom the policy does not
let us serve by their age alone is not taken in, but listed.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import NamedTuple

from upheld.gate.evidence.provers import BIRTH_DATE, years
from upheld.gate.transaction import Transaction
from upheld.practice.admission import admission
from upheld.practice.form_values import canonical, today
from upheld.practice.plugin import Provider
from upheld.practice.reasons import refusal_reason
from upheld.practices.accounts import domain
from upheld.practices.accounts.customer_file import CustomerRow, read_customers


class _TriedError(Exception):
    """The end of a dry run."""


class UnservedRow(NamedTuple):
    """Somebody who was not taken in: the line on which they stand, why, and the clauses."""

    line: int
    clauses: tuple[str, ...]
    why: str


class ImportResult(NamedTuple):
    """What came of a file: how many are in it, were taken in, were there, may not be served."""

    rows: int
    taken: int
    known: int
    violations: int
    not_served: tuple[UnservedRow, ...]


def import_customers(provider: Provider, path: Path, *, apply: bool) -> ImportResult:
    """Take in the customers of a CSV file whose columns are fields, all of them or none.

    Without `apply` everything is tried and nothing kept.
    """
    gate = provider.gate.gate
    fields = gate.policy.engine.compiled.leaves["data"].bit
    customers = read_customers(
        path,
        fields,
        lambda field, value: canonical(provider, field, value),
        country=provider.settings.country,
    )
    imported = already_here = violations = 0
    not_served = []
    with suppress(_TriedError), gate.together() as transaction:
        for row in customers:
            if (unserved := _not_served(provider, row)) is not None:
                not_served.append(unserved)
            elif _is_known(transaction, row.values.get("email", "")):
                already_here += 1
            else:
                violations += transaction.bring(transaction.enrol(), row.values)
                imported += 1
        if not apply:
            raise _TriedError  # and nothing is kept
    return ImportResult(len(customers), imported, already_here, violations, tuple(not_served))


def _not_served(provider: Provider, row: CustomerRow) -> UnservedRow | None:
    """Why somebody is not taken in: by their age the policy does not let us serve them alone."""
    if BIRTH_DATE not in row.values:
        return None
    age = years(date.fromisoformat(row.values[BIRTH_DATE]), today(provider))
    policy = provider.policy
    decision = admission(policy).decision_at(age)
    if decision.allowed:
        return None
    why = refusal_reason(policy, decision)
    return UnservedRow(row.line, tuple(quote.id for quote in why.quotes), why.says)


def _is_known(transaction: Transaction, email: str) -> bool:
    """Whether a customer has an address: neither an invitation nor an account never confirmed."""
    return bool(email) and bool(
        domain.person_at_address(transaction, email) or domain.imported_person(transaction, email)
    )
