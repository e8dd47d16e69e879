"""Rows that another provider's practices kept apart from values, as they come in with accounts.

A practice of ours that keeps rows of their kind takes them in; the others become rows of a series.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from upheld.core.ids import PersonId
from upheld.gate.act.execution import Outcome
from upheld.gate.act.options import StoreOptions
from upheld.gate.act.request import Refused
from upheld.gate.transaction import Transaction
from upheld.practice.own_rows import RowIntake
from upheld.practice.plugin import Practice
from upheld.practices.takeovers.parcels import Parcel


class RowArrival:
    """Where rows of accounts go, by the practices of a provider."""

    def __init__(self, practices: Iterable[Practice]) -> None:
        some = list(practices)
        self._kinds = {kind for each in some for kind in each.own_rows}
        self._intakes: dict[str, RowIntake] = {
            kind: intake for each in some for kind, intake in each.row_intakes.items()
        }

    def has_too_many(self, parcel: Parcel, field: str) -> bool:
        """Whether there are several values of a field of an account where one can be."""
        if parcel.rows.get(field):
            values_too = parcel.values.get(field) and field not in self._intakes
            if field not in self._kinds or (values_too and field not in parcel.series):
                return True
        return field not in parcel.series and len(parcel.values.get(field, ())) > 1

    def check(self, transaction: Transaction, parcel: Parcel, field: str) -> None:
        """ValueError for a row of an account that is none of its kind."""
        if field in self._intakes:
            for each in parcel.rows.get(field, ()):
                self._intakes[field].check(transaction, each.value)

    @staticmethod
    def is_series(parcel: Parcel, field: str) -> bool:
        """Whether what there is of a field is no single value."""
        return field in parcel.series or not parcel.values.get(field)

    def for_vault(self, parcel: Parcel, field: str) -> list[str]:
        """What is kept of a series as rows of it."""
        rows = () if field in self._intakes else parcel.rows.get(field, ())
        return [each.value for each in (*parcel.values.get(field, ()), *rows)]

    def keep(
        self,
        transaction: Transaction,
        parcels: Mapping[PersonId, Parcel],
        field: str,
        options: StoreOptions,
    ) -> Mapping[PersonId, Outcome]:
        """Let a practice keep what came of some people; of each what came of collecting it.

        Of whom something of that field is kept in the vault it was collected with that.
        """
        intake = self._intakes.get(field)
        rows = {
            person_id: [each.value for each in parcel.rows[field]]
            for person_id, parcel in parcels.items()
            if intake and parcel.rows.get(field)
        }
        if intake is None or not rows:
            return {}
        collect, _ = transaction.letting_in(
            [field],
            source=options["source"],
            occasion=options["occasion"],
            purpose=options.get("purpose"),
        )
        alone = [each for each in rows if not parcels[each].values.get(field)]
        act = msgspec.structs.replace(collect, party=options.get("party", ""))
        outcomes = transaction.act_each(act, alone)
        let_in = {
            each: some for each, some in rows.items() if not isinstance(outcomes.get(each), Refused)
        }
        closing_id = next(iter(parcels.values())).closing
        intake.keep(transaction, options.get("party", ""), closing_id, let_in)
        return outcomes
