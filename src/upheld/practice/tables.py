"""What practices share in the database: tasks on customers, messages to be sent, users of desks.

None holds a customer's value: a task says for which purpose somebody may need which kinds of data,
a message to be sent names its person and template; address and text are read when it is sent.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, Text

from upheld.database.columns import (
    BLANK,
    GO,
    ID,
    STAYS,
    WORD,
    Instant,
    goes_apart,
    metadata,
    only_where,
    sealed,
    sealed_for,
    stands,
    tells,
    told_where,
)

task: Final = Table(
    "task",
    metadata,
    Column("person_id", ID, primary_key=True),
    Column("task_id", ID, primary_key=True),
    Column("kind", WORD, nullable=False),  # ticket, debt, guardian-check, erasure, …
    Column("purpose", WORD, nullable=False),
    Column("role", WORD, nullable=False),  # whose queue it stands in
    Column("about", WORD, nullable=False),  # the id of what it is about
    Column("state", WORD, nullable=False),  # open, taken, done
    Column("opened", Instant, nullable=False),
    Column("due", Instant),
    Column("closed", Instant),
    Column("staff_id", ID),  # who took it
    Column("record_id", ID),  # the record that proves their need
    Column("mac", LargeBinary),
    Index("task_state", "state", "role", "due"),
    info=STAYS | sealed(owner="person_id", part="state"),
)

task_step: Final = Table(  # what was done about a task, by whom and when; never what was written
    "task_step",
    metadata,
    Column("person_id", ID, primary_key=True),
    Column("task_id", ID, primary_key=True),
    Column("number", Integer, primary_key=True),  # the steps of a task are counted from 1
    Column("at", Instant, nullable=False),
    Column("step", WORD, nullable=False),  # opened, taken, put-back, passed, wrote, closed, …
    Column("actor", WORD, nullable=False),  # customer, the id of who of our staff, or nobody
    Column("detail", WORD, nullable=False),  # such as the role that it was passed on to
    Column("mac", LargeBinary),
    info=sealed(owner="person_id", part="task_id"),
)

partner_transaction: Final = Table(  # what a customer bought from a business partner
    "partner_transaction",
    metadata,
    Column("person_id", ID, primary_key=True),
    Column("party", WORD, nullable=False),
    Column("mark", WORD, primary_key=True),  # of the reference: see partner_marks.py
    Column("feed_id", ID, nullable=False),  # of the file, or of the program that sent it
    Column("received", WORD, nullable=False),  # the day, in the provider's zone
    Column(
        "sealed",
        LargeBinary,
        nullable=False,
        info=sealed_for("partner-transactions", "row", place=("person_id", "party", "mark")),
    ),
    # When its person was told that it goes, though a hold of which nobody may speak keeps it.
    Column("gone", Instant),
    Column("mac", LargeBinary),
    Index("partner_transaction_feed", "feed_id"),
    # Rows of an earlier upheld: a new one writes nothing here.
    Index("partner_transaction_former", "party", **only_where("length(mark) = 64")),
    info=STAYS
    | goes_apart("transaction")
    | tells("transaction")
    | told_where("SUBSTR(feed_id, 1, 1) <> 'g'")  # see withdrawn_rows.py
    | sealed(owner="person_id"),
)

partner_client: Final = Table(  # a program of a partner's, which asks with a secret of its own
    "partner_client",
    metadata,
    Column("client_id", ID, primary_key=True),
    Column("party", WORD, nullable=False),
    Column("secret_hash", LargeBinary, nullable=False),  # SHA-256 of 256 random bits
    Column("state", WORD, nullable=False),  # active, revoked, stolen
    Column("added", Instant, nullable=False),
    Column("added_by", WORD, nullable=False),
    Column("mac", LargeBinary),
    info=sealed(few=True),
)

page_look: Final = Table(  # which groups of our pages somebody looked at of late; no hold needs it
    "page_look",
    metadata,
    Column("person_id", ID, primary_key=True),
    Column("day", WORD, nullable=False),  # when it was made, in the provider's zone
    Column("sealed", LargeBinary, nullable=False),  # each group, and on which day at last
    Column("mac", LargeBinary),
    info=tells("page-request") | sealed(owner="person_id"),
)

page_look_making: Final = Table(  # how far those are made
    "page_look_making",
    metadata,
    Column("word", WORD, primary_key=True),  # the one row there is
    Column("begun", Instant, nullable=False),
    Column("lots", Integer, nullable=False),  # of people who were written together
    Column("made_under", WORD, nullable=False),  # the day and the policy; empty until all are made
    Column("mac", LargeBinary),
    info=sealed(few=True),
)

report_budget: Final = Table(  # what was spent of each period's privacy budget
    "report_budget",
    metadata,
    Column("period", WORD, primary_key=True),  # a month such as 2026-10, or `profile`
    Column("points", Integer, nullable=False),  # spent: it only ever grows
    Column("mac", LargeBinary),
    info=sealed(few=True),
)

outbox: Final = Table(
    "outbox",
    metadata,
    Column("person_id", ID, primary_key=True),
    Column("message_id", ID, primary_key=True),  # also the key by which it is sent once
    Column("template", WORD, nullable=False),
    Column("purpose", WORD, nullable=False),
    Column("words", Text, nullable=False),  # ids and dates for the template, as JSON
    Column("entry", BigInteger, nullable=False),  # the act that allowed it
    Column("made", Instant, nullable=False),
    Column("due", Instant),  # when to try next; nothing once it was sent or given up
    Column("tries", Integer, nullable=False),
    Column("state", WORD, nullable=False),  # waiting, sent, refused, failed, bounced, dropped
    Column("trouble", WORD, nullable=False, server_default=""),  # of the last try, no values
    Column("ended", Instant),  # when it was sent, or given up
    Column("mac", LargeBinary),
    Index("outbox_due", "due"),
    Index("outbox_state", "state", "made"),
    info=tells("messages") | sealed(owner="person_id", part="state"),
)

terms_version: Final = Table(  # of the Master Terms, and drafts
    "terms_version",
    metadata,
    Column("digest", WORD, primary_key=True),
    Column("number", Integer, nullable=False),  # in order, from 1; 0 of a draft
    Column("version", WORD, nullable=False),  # its name
    Column("posted", Instant),
    Column("drafted_by", WORD, nullable=False),  # who works at a desk; empty for the first
    Column("posted_by", WORD, nullable=False),
    Column("draft_id", WORD, nullable=False),
    Column("mac", LargeBinary),
    info=sealed(few=True),
)

terms_text: Final = Table(  # the words of each version
    "terms_text",
    metadata,
    Column("digest", WORD, primary_key=True),
    Column("text", Text, nullable=False),  # Markdown
    Column("mac", LargeBinary),
    info=sealed(),
)

terms_acceptance: Final = Table(  # which version of the Master Terms a customer accepted
    "terms_acceptance",
    metadata,
    Column("person_id", ID, primary_key=True),
    Column("digest", WORD, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("mac", LargeBinary),
    info=sealed(owner="person_id"),
)

invitation: Final = Table(
    "invitation",
    metadata,
    # Of whom nothing is held but an address, and that no longer than until they answer.
    Column("person_id", ID, primary_key=True, info=stands("invitation_id")),
    Column("invitation_id", ID, primary_key=True),
    Column("kind", WORD, nullable=False),  # guardian, household
    Column("state", WORD, nullable=False),  # open, checking, accepted, done
    # The holder; or the guardian, once they accepted.
    Column("inviter", ID, nullable=False, info=BLANK),
    Column("made", Instant, nullable=False),
    Column("expires", Instant, nullable=False),
    Column("accepted", Instant),
    Column("text_digest", WORD, nullable=False),  # of what was shown to who accepted
    Column("code_hash", LargeBinary, nullable=False, unique=True),  # how a minor comes back
    Column("mac", LargeBinary),
    Index("invitation_inviter", "inviter", "state"),
    info=sealed(),
)

desk_user: Final = Table(
    "desk_user",
    metadata,
    Column("user_id", ID, primary_key=True),
    Column("kind", WORD, nullable=False),  # staff, agent
    Column("name", WORD, nullable=False),
    Column("sign_in", WORD, nullable=False, unique=True),
    Column("password", WORD, nullable=False),  # an argon2id hash
    Column("secret", LargeBinary, nullable=False),  # of one-time passwords, sealed
    Column("step", BigInteger, nullable=False),  # the last one-time password that was used
    Column("roles", WORD, nullable=False),  # words, with spaces between them
    Column("party", WORD, nullable=False),  # an agent's: the register's name of the company
    Column("state", WORD, nullable=False),  # requested, invited, active, ended
    Column("mac", LargeBinary),
    info=sealed(),
)

party_name: Final = (
    Table(  # how people call a company of the register; who it is to us, records say
        "party_name",
        metadata,
        Column(
            "party", WORD, primary_key=True
        ),  # its word in records and entries, which never changes
        Column("name", WORD, nullable=False),
        Column("mac", LargeBinary),
        info=sealed(few=True),
    )
)

party_key: Final = Table(  # the public age key to which files for a company are encrypted
    "party_key",
    metadata,
    Column("party", WORD, primary_key=True),
    Column("key", WORD, nullable=False),
    Column("added", Instant, nullable=False),
    Column("mac", LargeBinary),
    info=sealed(few=True),
)

party_program_key: Final = Table(  # the public key by which a company's programs prove who they are
    "party_program_key",
    metadata,
    Column("party", WORD, primary_key=True),
    Column("pem", Text, nullable=False),
    Column("added", Instant, nullable=False),
    Column("mac", LargeBinary),
    info=sealed(few=True),
)

party_mailbox: Final = Table(  # where mail to a company of the register goes
    "party_mailbox",
    metadata,
    Column("party", WORD, primary_key=True),
    Column("address", WORD, nullable=False),
    Column("added", Instant, nullable=False),
    Column("mac", LargeBinary),
    info=sealed(few=True),
)

party_letter: Final = Table(  # mail to a company, or to ourselves; it holds nothing of anybody
    "party_letter",
    metadata,
    Column("letter_id", ID, primary_key=True),  # also what it is sent once by
    Column("party", WORD, nullable=False),  # empty for ourselves
    Column("subject", WORD, nullable=False),
    Column("text", Text, nullable=False),
    Column("made", Instant, nullable=False),
    Column("due", Instant),  # when to try next; nothing once it was sent or given up
    Column("tries", Integer, nullable=False),
    Column("state", WORD, nullable=False),  # waiting, sent, failed
    Column("ended", Instant),
    Column("mac", LargeBinary),
    Index("party_letter_due", "state", "due"),
    info=sealed(),
)

delivery: Final = Table(  # what leaves the house for one recipient; of whom, its items say
    "delivery",
    metadata,
    Column("delivery_id", ID, primary_key=True),  # by which the recipient takes it once
    Column("party", WORD, nullable=False),
    Column("recipient", WORD, nullable=False),  # what the party is to us
    Column("purpose", WORD, nullable=False),
    Column("occasion", WORD, nullable=False),
    Column("fields", Text, nullable=False),  # kinds of data, with spaces between them
    Column("reference", WORD, nullable=False),  # what it is done under, such as a programme
    Column("clauses", Text, nullable=False),
    Column("channel", WORD, nullable=False),  # file, page
    Column("state", WORD, nullable=False),  # waiting, done, recalled
    Column("created_at", Instant, nullable=False),
    Column("handed", Instant),  # when its content was last given out
    Column("ended", Instant),
    Column("digest", WORD, nullable=False),  # SHA-256 of the content that was given out last
    Column("mac", LargeBinary),
    Index("delivery_state", "state", "created_at"),
    Index("delivery_reference", "reference"),
    info=sealed(),
)

delivery_item: Final = Table(  # one person's part of a delivery
    "delivery_item",
    metadata,
    Column("person_id", ID, primary_key=True),
    Column("delivery_id", ID, primary_key=True),
    Column("name", WORD, nullable=False),  # by which this recipient alone knows the person
    Column("entry", BigInteger, nullable=False),  # the act that allowed it
    Column("state", WORD, nullable=False),  # waiting, done, recalled
    Column("handed", Instant),  # when it was part of what was given out last
    Column("ended", Instant),
    Column("sealed", LargeBinary),  # the values, under the person's key, until they are delivered
    Column("mac", LargeBinary),
    Index("delivery_item_state", "delivery_id", "state"),
    Index("delivery_item_entry", "entry"),
    info=tells(besides="what was to be given to a company")
    | sealed(owner="person_id", part="state"),
)

recipient_request: Final = Table(  # what a company that received something is asked to do with it
    "recipient_request",
    metadata,
    Column("request_id", ID, primary_key=True),
    Column("party", WORD, nullable=False),
    Column("role", WORD, nullable=False),  # what the party was to us when it received it
    Column("what", WORD, nullable=False),  # delete, correct
    Column("why", WORD, nullable=False),  # corrected, erased, withdrawn, …
    Column("name", WORD, nullable=False),  # by which this recipient alone knows the person
    Column("reference", WORD, nullable=False),  # where it is about all that went under something
    Column("fields", Text, nullable=False),  # kinds of data, with spaces between them
    Column("entries", Text, nullable=False),  # by which it received what went in no delivery
    Column("person_id", ID, nullable=False, info=BLANK),
    Column("token", WORD, nullable=False),  # of who is erased, in the list of erasures
    Column("asked", Instant, nullable=False),
    Column("due", Instant, nullable=False),
    Column("answered", Instant),
    Column("answered_by", WORD),  # as an entry names them
    Column("mac", LargeBinary),
    Index("recipient_request_party", "party", "answered"),
    Index("recipient_request_person", "person_id"),
    Index("recipient_request_token", "token"),
    Index("recipient_request_due", "answered", "due"),
    info=sealed(),
)

desk_request: Final = Table(  # what a manager asked for, until a second person says yes or no
    "desk_request",
    metadata,
    Column("request_id", ID, primary_key=True),
    Column("user_id", ID, nullable=False, unique=True),  # whom it is about
    Column("kind", WORD, nullable=False),  # add, roles, enrol
    Column("roles", WORD, nullable=False),  # those that are asked for
    Column("asked_by", ID, nullable=False),
    Column("asked", Instant, nullable=False),
    Column("mac", LargeBinary),
    info=sealed(),
)

desk_own: Final = Table(  # accounts that somebody at a desk leaves to others: their own, relatives'
    "desk_own",
    metadata,
    Column("person_id", ID, primary_key=True),
    Column("user_id", ID, primary_key=True),
    Column("mac", LargeBinary),
    info=sealed(owner="person_id"),
)

passkey: Final = Table(
    "passkey",
    metadata,
    Column("subject", ID, primary_key=True, info=GO),  # a customer, or who works at a desk
    Column("credential_hash", LargeBinary, primary_key=True),
    Column("kind", WORD, nullable=False),  # customer, staff, agent
    Column("credential", LargeBinary, nullable=False),  # the id by which the device finds its key
    Column("public_key", LargeBinary, nullable=False),
    Column("uses", BigInteger, nullable=False),  # what the device counted at the last sign-in
    Column("name", WORD, nullable=False),  # of the device
    Column("made", Instant, nullable=False),
    Column("used", Instant),
    Column("mac", LargeBinary),
    Index("passkey_credential", "credential_hash", unique=True),
    info=sealed(),
)
