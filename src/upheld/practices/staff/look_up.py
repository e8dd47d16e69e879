"""Looking a customer up: it opens a task for a reason, or says that nothing was found. No more.

By e-mail address, phone number or account number, limited, and entered: to look somebody up is to
use that field for the reason's purpose, and the policy decides it. The reason is one of a list, so
that nothing personal is written into it, and so is how whoever asks was recognised. The task is
taken by who opened it. One's own account and a relative's are left to others.
"""

from __future__ import annotations

from typing import Final

from upheld.core.ids import TaskId
from upheld.gate.act.request import Act, Refused
from upheld.gate.transaction import Transaction
from upheld.practice import operators, tasks
from upheld.practice.form_values import find_people
from upheld.practice.operators import User
from upheld.practice.plugin import Provider
from upheld.practice.recognition import RECOGNITIONS
from upheld.practices.staff.roles import Roles
from upheld.web.forms import Field, Filled
from upheld.web.limits import Rate

LOOK_UP_RATE: Final = Rate(20, 60)
WAYS: Final = (
    ("email", "E-mail address"),
    ("phone", "Phone number"),
    ("account", "Account number"),
)
FIELD_OF: Final = {"email": "email", "phone": "phone", "account": "account-id"}
NOTHING: Final = "Nothing was found. Ask again how they are registered; what you typed is not kept."
SEVERAL: Final = "More than one customer is registered so. Ask for the account number."
TOO_MANY_LOOK_UPS: Final = "You looked up many customers in a short time. Wait a few minutes."
OWN: Final = "This is your own account, or a relative's. A colleague has to look at it."
BARRED: Final = "The policy does not let us look anybody up by this for this reason."


def fields(roles: Roles, user: User) -> tuple[Field, ...]:
    """The form, with the reasons that somebody's roles work for; nothing where there are none."""
    reasons = [(word, each.title) for word, each in roles.reasons_of(user.roles).items()]
    if not reasons:
        return ()
    return (
        Field("way", "Look up by", "select", options=WAYS),
        Field("told", "What they told you", length_max=254, autocomplete="off"),
        Field(
            "reason",
            "Why",
            "select",
            options=reasons,
            hint="It opens a task for this purpose; the customer sees that you looked them up.",
        ),
        Field(
            "recognised",
            "How you know that it is them",
            "select",
            options=[(word, each.of_them) for word, each in RECOGNITIONS.items()],
            missing="Choose how you know that it is them. If you do not know, open nothing.",
        ),
    )


def look_up(
    provider: Provider, roles: Roles, transaction: Transaction, user: User, filled: Filled
) -> tuple[TaskId | None, str]:
    """Look a customer up and open a task on them: its id, or the sentence that says why not."""
    limits = provider.limits
    if limits.take(transaction.tables, LOOK_UP_RATE, "look-up", user.user_id, at=provider.now()):
        return None, TOO_MANY_LOOK_UPS
    way, value = filled.values["way"], filled.values["told"]
    reason = roles.reasons[filled.values["reason"]]
    if way == "account":
        people = provider.find_people(transaction, way, value)
    else:
        people = find_people(provider, transaction, way, value)
    if len(people) != 1:
        transaction.note(
            None,
            "look-up",
            actor=f"staff {user.user_id}",
            data=(FIELD_OF[way],),
            purpose=reason.purpose,
        )
        return None, SEVERAL if people else NOTHING
    if operators.is_left_to_others(transaction.tables, user.user_id, people[0]):
        return None, OWN
    act = Act(action="use", data=(FIELD_OF[way],), purpose=reason.purpose)
    if isinstance(transaction.act(act, people[0]), Refused):
        return None, BARRED
    queue = roles.queues([roles.role_for(user.roles, reason)])[0]
    task = tasks.open_task(
        transaction,
        people[0],
        tasks.TICKET,
        reason.purpose,
        role=queue,
        about=filled.values["reason"],
        by=user.user_id,
        how=filled.values["recognised"],
    )
    transaction.note(
        people[0],
        "look-up",
        actor=f"staff {user.user_id}",
        data=(FIELD_OF[way],),
        purpose=reason.purpose,
    )
    if role_fields := roles.covered_fields(user.roles, queue, reason.purpose):
        tasks.take(transaction, task, user.user_id, role_fields)
    return task, ""
