"""Events that practices announce to one another, in the transaction in which they happen.

Who hears of an event does what it means for them in the same transaction, so that both are kept or
neither. An event has a name, a person, and an id of what it is about; never a value.
"""

from __future__ import annotations

from collections.abc import Callable

from upheld.core.errors import UpheldError
from upheld.core.ids import PersonId
from upheld.gate.transaction import Transaction

Listener = Callable[
    [Transaction, PersonId, str], None
]  # the transaction, the person, what it is about

ACCOUNT_OPENED = "account-opened"
ACCOUNT_CLOSED = "account-closed"
SIGNED_IN = "signed-in"
INVOICE_MADE = "invoice-made"
INVOICE_DUE = "invoice-due"
PAYMENT_RECEIVED = "payment-received"
PASSWORD_CHANGED = "password-changed"  # noqa: S105 - the name of an event
GUARDIAN_REVOKED = "guardian-revoked"
CAME_OF_AGE = "came-of-age"
PRIVACY_SIGNAL = "privacy-signal"  # about the session whose browser sends it
IDENTITY_CHECKED = "identity-checked"  # by staff, about what they saw
PAYER_CHANGES = "payer-changes"  # announced before it does: what was used is billed as it was
CONSENT_WITHDRAWN = "consent-withdrawn"  # by its person, about the record
SERVICES_TERMINATED = "services-terminated"  # by our staff, about one service; all if empty
CARD_GIVEN = "card-given"  # on the payment processor's own page, whether or not it is kept
NAMES = frozenset(
    {
        ACCOUNT_OPENED,
        ACCOUNT_CLOSED,
        SIGNED_IN,
        INVOICE_MADE,
        INVOICE_DUE,
        PAYMENT_RECEIVED,
        PASSWORD_CHANGED,
        GUARDIAN_REVOKED,
        CAME_OF_AGE,
        PRIVACY_SIGNAL,
        IDENTITY_CHECKED,
        CARD_GIVEN,
        CONSENT_WITHDRAWN,
        PAYER_CHANGES,
        SERVICES_TERMINATED,
    }
)


class EventError(UpheldError):
    """An event that nobody declared."""


class Events:
    """The events that practices announce, and their listeners."""

    def __init__(self) -> None:
        self._names = {*NAMES}
        self._listeners: dict[str, list[Listener]] = {}

    def declare(self, *names: str) -> None:
        """Add events that a practice announces; EventError for one that is another's."""
        for name in names:
            if name in self._names:
                raise EventError(
                    f"there already is an event `{name}`",
                    code="event",
                    hint="begin the event's name with that of the practice",
                )
            self._names.add(name)

    def subscribe(self, name: str, listener: Listener) -> None:
        """Call `listener` whenever an event is announced; EventError for an unknown one."""
        self._listeners.setdefault(self._require(name), []).append(listener)

    def announce(
        self, transaction: Transaction, name: str, person_id: PersonId, about: str = ""
    ) -> None:
        """Call the listeners of an event. Raises EventError for an unknown one."""
        for listener in self._listeners.get(self._require(name), ()):
            listener(transaction, person_id, about)

    def _require(self, name: str) -> str:
        if name not in self._names:
            raise EventError(
                f"there is no event `{name}`",
                code="event",
                hint="name it among the `announces` of the practice that announces it",
            )
        return name
