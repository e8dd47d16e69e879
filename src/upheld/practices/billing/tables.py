"""What billing keeps beside the values: which order, invoice, payment or debt stands where.

Ids, states and times alone. What was ordered, invoiced and paid are rows of series in the vault;
the amount of a payment that is under way is sealed, and gone when it is over.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table

from upheld.database.columns import BLANK, ID, STAYS, WORD, Instant, metadata, sealed, tells

service_order: Final = Table(
    "service_order",
    metadata,
    Column("person_id", ID, primary_key=True),
    Column("record_id", ID, primary_key=True),  # the record that proves it
    Column("began", Instant, nullable=False),
    Column("ended", Instant),
    Column("mac", LargeBinary),
    Index("service_order_began", "began"),
    info=tells("services") | sealed(owner="person_id"),
)

invoice: Final = Table(
    "invoice",
    metadata,
    Column("person_id", ID, primary_key=True),  # in whose books it stands
    Column("number", WORD, primary_key=True),
    Column(
        "used_by", ID, nullable=False, info=BLANK
    ),  # whose use it is for, as long as they are here
    Column("month", WORD, nullable=False),  # 2026-11
    Column("due", Instant, nullable=False),
    Column("state", WORD, nullable=False),  # open, due, reminded, warned, task, paid
    Column("mac", LargeBinary),
    Index("invoice_number_once", "number", unique=True),
    Index("invoice_used_by", "used_by"),
    Index("invoice_due", "state", "due"),
    info={
        **tells(besides="numbers and states of invoices"),
        **STAYS,
        **sealed(owner="person_id", part="state"),
    },
)

billed: Final = Table(  # the months for which nothing is to be invoiced any more
    "billed",
    metadata,
    Column("person_id", ID, primary_key=True),  # whose use it is
    Column("month", WORD, primary_key=True),  # 2026-11
    Column("state", WORD, nullable=False),  # made; none where nothing was to be paid; refused
    Column("mac", LargeBinary),
    info={**STAYS, **sealed(owner="person_id")},
)

billed_until: Final = Table(  # the day up to which use is billed, where another pays from then on
    "billed_until",
    metadata,
    Column("person_id", ID, primary_key=True),  # whose use it is
    Column("day", Instant, nullable=False),
    Column("mac", LargeBinary),
    info={**STAYS, **sealed(owner="person_id")},
)

invoice_number: Final = Table(  # outlives every invoice, so that no number is given out twice
    "invoice_number",
    metadata,
    Column("year", Integer, primary_key=True, autoincrement=False),
    Column("last", BigInteger, nullable=False),
    Column("mac", LargeBinary),
    info=sealed(few=True),
)

payment_intent: Final = Table(
    "payment_intent",
    metadata,
    Column("person_id", ID, primary_key=True),
    Column("key", WORD, primary_key=True),  # the form's own, so that it is paid once
    Column("state", WORD, nullable=False),  # begun, charged, paid, declined, refused
    Column("record_id", ID, nullable=False),  # the record that a payment is being made
    Column("entry", BigInteger, nullable=False),  # the act that told the processor
    Column("made", Instant, nullable=False),
    Column("sealed", LargeBinary),  # amount and what came of it; gone when it is over
    Column("mac", LargeBinary),
    Index("payment_intent_state", "state", "made"),
    info={**tells("payment-history"), **STAYS, **sealed(owner="person_id", part="state")},
)

debt: Final = Table(
    "debt",
    metadata,
    Column("person_id", ID, primary_key=True),
    Column("debt_id", ID, primary_key=True),
    Column("task_id", ID, nullable=False),
    Column("party", WORD, nullable=False),  # the agent, by its name in the register
    Column("state", WORD, nullable=False),  # handed, recalled, confirmed
    Column("handed", Instant, nullable=False),
    Column("recalled", Instant),
    Column("confirmed", Instant),
    Column("entry", BigInteger, nullable=False),  # the act that handed it over
    Column("item_id", ID, nullable=False),  # the duty to delete it on recall
    Column("mac", LargeBinary),
    Index("debt_party", "party", "state"),
    info={
        **tells(besides="that an amount went to a collection agent"),
        **STAYS,
        **sealed(owner="person_id"),
    },
)

sandbox_card: Final = Table(  # the sandbox's own; a real payment processor keeps these itself
    "sandbox_card",
    metadata,
    Column("reference", WORD, primary_key=True),
    Column("back", WORD, nullable=False),
    Column("made", Instant, nullable=False),
    Column("sealed", LargeBinary),
    Column("mac", LargeBinary),
    info=sealed(),
)

sandbox_charge: Final = Table(
    "sandbox_charge",
    metadata,
    Column("key", WORD, primary_key=True),
    Column("reference", WORD, nullable=False),
    Column("state", WORD, nullable=False),  # paid, declined
    Column("mac", LargeBinary),
    info=sealed(),
)
