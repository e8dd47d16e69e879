"""The words of the sentences that tell of entries, in the active voice.

`{actor}` is who did it, as the entry says or as stands in `DEFAULT_ACTORS`; `{who}`, `{whose}` and
`{whom}` are the person it is about; `{party}` is whom it was done with, `{data}` what with.
"""

from __future__ import annotations

from typing import Final, NamedTuple

STAFF: Final = "our staff"
PERSON: Final = "{who}"
DEFAULT_ACTORS: Final = {  # of entries that do not say who did it; of all others it was us
    "acceptance": PERSON,
    "authenticator-on": PERSON,
    "authenticator-off": PERSON,
    "deletion": "the agent who collected for us",
    "dropped": STAFF,
    "identity-check": STAFF,
    "look-up": STAFF,
    "others-task": "a member of our staff",
    "passkey-on": PERSON,
    "passkey-off": PERSON,
    "password-reset": "your parent or guardian",
    "recovery-code": PERSON,
    "recovery-codes": PERSON,
    "retried": STAFF,
    "sessions-ended": STAFF,
}
SENTENCES: Final = {
    "person": "{actor} made a key for what we would hold about {whom}",
    "import": "{actor} took over what somebody held about {whom} before",
    "registered": "{actor} looked up the records about {whom}",
    "arrival": "{actor} collected {data} from people who visited",
    "clock": "{actor} accepted the time of day as it is",
    "version.first": "{actor} put the first version of our policy in force",
    "terms.first": "{actor} put the first version of our Master Terms in force",
    "terms.draft": "{actor} drafted a version of our Master Terms",
    "terms.post": "{actor} put another version of our Master Terms in force",
    "terms.drop": "{actor} gave a draft of our Master Terms up",
    "version.accept": "{actor} went back to an earlier version of our policy, with a backup",
    "counts": "{actor} published how often our policy decided in a month, and what we disclosed",
    "log": "{actor} began a new log, from the last checkpoint of the one before",
    "restore": "{actor} restored a backup, and began a new log",
    "acceptance": "{actor} accepted the policy and the terms",
    "payment": "{whose} card payment went through",
    "sent": "{actor} sent {whom} {message}",
    "unsent": "{actor} could not send {whom} {message}",
    "bounced": "a mail server returned our message to {whom} as undeliverable",
    "retried": "{actor} asked for a message to {whom} to be tried again",
    "dropped": "{actor} dropped a message to {whom} that we could not send",
    "others-task": "{actor} tried to open a task on {whom} that is not theirs",
    "household": "the payer for an account of {whose} household changed",
    "recall": "{actor} took {whose} account back from {party}",
    "identity-check": "{actor} confirmed {whose} identity",
    "deletion": "{actor} confirmed that they deleted what they had of {whom}",
    "look-up": "{actor} looked up {whose} account",
    "passkey-on": "{actor} made a passkey for {whose} account",
    "passkey-off": "{actor} removed a passkey of {whose} account",
    "authenticator-on": "{actor} set up a second factor for {whose} account",
    "authenticator-off": "{actor} removed the second factor of {whose} account",
    "recovery-code": "{actor} used a recovery code of {whose} account",
    "recovery-codes": "{actor} made new recovery codes for {whose} account",
    "sessions-ended": "{actor} signed {whom} out everywhere",
    "password-reset": "{actor} reset {whose} password, so that {who} could choose another",
    "redaction": "{actor} removed links from {whose} copies of messages",
    "retention": "{actor} deleted {data} at the end of the time for which we may keep it",
    "erasure.begun": "{actor} began to erase what we hold about {whom}",
    "erasure.done": "{actor} finished erasing what we hold about {whom}",
    "erasure.kept": "{actor} kept what must stay, when we erased the rest about {whom}",
    "erasure.replayed": "{actor} erased {whom} again, after restoring a backup",
}
PAYMENTS: Final = {  # by how a payment came, or what stopped it
    "declined": "{whose} card payment did not go through",
    "refund": "{actor} paid money back to {whom}",
    "": "{actor} booked {whose} payment",
}
DONE_BY_SOMEBODY: Final = {  # the same where an entry says who did it
    "household": "{actor} changed who pays for an account of {whose} household",
    "retention": "{actor} had us erase {data}",
}


class RecordWords(NamedTuple):
    """What is said of one kind of record.

    First what somebody did who gave it, took it back or ended it; then whole sentences for entries
    that do not say who did it.
    """

    gave: str
    withdrew: str
    ended: str
    was_added: str
    was_withdrawn: str
    has_ended: str


RECORDS: Final = {
    "account": RecordWords(
        "closed {whose} account",
        "opened {whose} account again",
        "opened {whose} account again",
        "we closed {whose} account",
        "we opened {whose} account again",
        "we opened {whose} account again",
    ),
    "consent": RecordWords(
        "gave {whose} permission",
        "withdrew {whose} permission",
        "ended {whose} permission",
        "we recorded {whose} permission",
        "we recorded that {whose} permission no longer holds",
        "{whose} permission ended",
    ),
    "programme-consent": RecordWords(
        "joined a programme",
        "left a programme",
        "left a programme",
        "we recorded that {who} joined a programme",
        "we recorded that {who} left a programme",
        "{whose} part in a programme ended",
    ),
    "opt-out": RecordWords(
        "opted out",
        "opted in again",
        "opted in again",
        "we recorded {whose} opt-out",
        "we recorded that {whose} opt-out no longer holds",
        "{whose} opt-out ended",
    ),
    "signal": RecordWords(
        "sent a privacy signal",
        "no longer sent a privacy signal",
        "no longer sent a privacy signal",
        "we recorded the privacy signal of {whose} browser",
        "{whose} browser no longer sent a privacy signal",
        "{whose} browser no longer sent a privacy signal",
    ),
    "request": RecordWords(
        "made a request",
        "took back a request",
        "closed {whose} request",
        "we recorded {whose} request",
        "we recorded that {who} took back a request",
        "we closed {whose} request",
    ),
    "objection": RecordWords(
        "objected to a use of what we hold",
        "took back {whose} objection",
        "ended {whose} objection",
        "we recorded {whose} objection",
        "we recorded that {who} took back {whose} objection",
        "{whose} objection ended",
    ),
    "service-order": RecordWords(
        "ordered a service",
        "took back an order for a service",
        "ended a service",
        "we recorded {whose} order for a service",
        "we recorded that {who} took back an order for a service",
        "{whose} order for a service ended",
    ),
    "payment": RecordWords(
        "started a card payment",
        "took back a card payment",
        "finished a card payment",
        "we took up {whose} card payment again",
        "we gave up {whose} card payment",
        "we finished with {whose} card payment",
    ),
    "task": RecordWords(
        "took on a task about {whose} account",
        "gave up a task about {whose} account",
        "ended their work on a task about {whose} account",
        "we opened a task about {whose} account",
        "we gave up a task about {whose} account",
        "we closed a task about {whose} account",
    ),
    "guardian-consent": RecordWords(
        "gave permission for {whose} account",
        "withdrew permission for {whose} account",
        "ended permission for {whose} account",
        "we recorded the permission for {whose} account",
        "we recorded that the permission for {whose} account no longer holds",
        "the permission for {whose} account ended",
    ),
    "guardian-costs": RecordWords(
        "accepted what {whose} use costs",
        "no longer accepted what {whose} use costs",
        "no longer accepted what {whose} use costs",
        "we recorded who accepts what {whose} use costs",
        "we recorded that nobody accepts what {whose} use costs any longer",
        "the acceptance of what {whose} use costs ended",
    ),
    "guardian-link": RecordWords(
        "began to supervise {whose} account",
        "stopped supervising {whose} account",
        "stopped supervising {whose} account",
        "we recorded who supervises {whose} account",
        "we recorded that nobody supervises {whose} account any longer",
        "the supervision of {whose} account ended",
    ),
}
ANY_RECORD: Final = RecordWords(
    "added {record}",
    "withdrew {record}",
    "ended {record}",
    "we added {record}",
    "we withdrew {record}",
    "we ended {record}",
)
STEPS: Final = ("add", "withdraw", "end")
