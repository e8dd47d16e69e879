"""What is kept of an account beside its values: its number, its state, and what was accepted."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Table

from upheld.database.columns import (
    ID,
    STAYS,
    WORD,
    Instant,
    metadata,
    sealed,
    stands,
    tells,
    unconfirmed,
)

account: Final = Table(
    "account",
    metadata,
    Column("person_id", ID, primary_key=True),
    Column("number", WORD, nullable=False, unique=True),  # what the customer quotes
    Column("state", WORD, nullable=False),  # unverified, active, closed
    # Who pays: the person, or the holder of the household.
    Column("holder", ID, nullable=False, info=stands("person_id")),
    Column("opened", Instant, nullable=False),
    Column("verified", Instant),  # when the e-mail address was confirmed
    Column("closed", Instant),
    Column("policy_digest", WORD, nullable=False),  # what was accepted when it was opened
    Column("agreement_digest", WORD, nullable=False),
    Column("mac", LargeBinary),
    Index("account_holder", "holder"),
    Index("account_state", "state", "opened"),
    info={
        **tells("account-id"),
        **STAYS,
        **sealed(owner="person_id"),
        **unconfirmed("state = 'unverified'"),
    },
)

authenticator: Final = Table(
    "authenticator",
    metadata,
    Column("person_id", ID, primary_key=True),
    Column("secret", LargeBinary, nullable=False),  # of one-time passwords, sealed
    Column("step", BigInteger, nullable=False),  # the last one-time password that was used
    Column("since", Instant, nullable=False),
    Column("mac", LargeBinary),
    info=tells(besides="the secret of one-time passwords") | sealed(owner="person_id"),
)

recovery_code: Final = Table(
    "recovery_code",
    metadata,
    Column("person_id", ID, primary_key=True),
    Column("code_hash", LargeBinary, primary_key=True),  # keyed
    Column("mac", LargeBinary),
    info=tells(besides="keyed marks of recovery codes") | sealed(owner="person_id"),
)
