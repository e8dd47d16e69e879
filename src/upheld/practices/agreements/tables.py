"""Agreements with partners, their texts, and the keys by which partners sign."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Integer, LargeBinary, Table, Text

from upheld.database.columns import ID, WORD, Instant, metadata, sealed

partner_agreement: Final = Table(
    "partner_agreement",
    metadata,
    Column("agreement_id", ID, primary_key=True),
    Column("party", WORD, nullable=False),  # the partner's word on the register
    Column("digest", WORD, nullable=False),  # of the text and its vocabulary
    Column("state", WORD, nullable=False),  # draft, signed, suspended, withdrawn, lapsed
    Column("starts", Instant, nullable=False),
    Column("ends", Instant, nullable=False),
    Column("statement", Text, nullable=False),  # what both sides sign
    Column("drafted_by", WORD, nullable=False),
    Column("drafted", Instant, nullable=False),
    Column("our_signature", LargeBinary, nullable=False),  # empty until somebody of us signed
    Column("our_key", LargeBinary, nullable=False),
    Column("signed_by", WORD, nullable=False),
    Column("signed", Instant),
    Column("their_signature", LargeBinary, nullable=False),  # empty until the partner signed
    Column("their_key", LargeBinary, nullable=False),
    Column("accepted", Instant),
    Column("record_id", ID, nullable=False),  # of the register, once both signed
    Column("reason", Text, nullable=False),  # why it was suspended or withdrawn
    Column("changed", Instant, nullable=False),  # when it came into its state
    Column("mac", LargeBinary),
    info=sealed(few=True),
)

agreement_text: Final = Table(  # the compiled terms, each once
    "agreement_text",
    metadata,
    Column("digest", WORD, primary_key=True),
    Column("compiled", LargeBinary, nullable=False),
    Column("mac", LargeBinary),
    info=sealed(),
)

partner_key: Final = Table(  # the public key by which a partner signs
    "partner_key",
    metadata,
    Column("party", WORD, primary_key=True),
    Column("public", LargeBinary, nullable=False),
    Column("since", Instant, nullable=False),
    Column("added_by", WORD, nullable=False),
    Column("mac", LargeBinary),
    info=sealed(few=True),
)

partner_pull: Final = Table(  # how far a partner has come in what it asks for
    "partner_pull",
    metadata,
    Column("pull_id", ID, primary_key=True),
    Column("party", WORD, nullable=False),
    Column("purpose", WORD, nullable=False),
    Column("fields", Text, nullable=False),  # words, with spaces between them
    Column("page", Integer, nullable=False),  # the page that was given last; 0 for none
    Column("last", WORD, nullable=False),  # half the last id that was looked at for it
    Column("delivery_id", ID, nullable=False),  # of that page; empty where nobody is in it
    Column("state", WORD, nullable=False),  # open, done
    Column("started", Instant, nullable=False),
    Column("deleted", Instant),  # when the partner said that it deleted what it got
    Column("deleted_by", WORD),  # who said so, as an entry names them
    Column("mac", LargeBinary),
    info=sealed(),
)
