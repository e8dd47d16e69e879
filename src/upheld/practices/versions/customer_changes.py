"""The page between: what changed in the policy, once, before a customer goes on using services.

It stands before no page on which somebody pays, closes the account, exercises a right, gets help or
signs out. Going on from it is the first use after the posting. Where another version is posted
while somebody reads, they are shown that one too.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

from markupsafe import Markup
from starlette.responses import RedirectResponse, Response

from upheld.core.errors import UpheldError
from upheld.core.ids import PersonId
from upheld.gate.transaction import Transaction
from upheld.policy.analyse.compare import WIDENING, Comparison, compare
from upheld.policy.analyse.page import changes_table
from upheld.policy.load import Policy
from upheld.practice.destinations import destination_of, destination_path, with_destination
from upheld.practice.endpoints import Visit
from upheld.practice.plugin import Provider
from upheld.practices.versions import customer_looks
from upheld.practices.versions.customer_looks import Unread
from upheld.practices.versions.public_pages import COMPARED_MAX

CHANGES: Final = "/me/changes"
REMEMBERED_MAX: Final = 10_000  # customers of whom a process remembers that they have looked


class PlainChanges(NamedTuple):
    """What a version changes, in sentences: what we may do now, what not any more, and the rest."""

    more: list[str]
    less: list[str]
    other: list[str]


def in_words(comparison: Comparison) -> PlainChanges:
    """What a comparison says, a sentence each, sorted by its direction."""
    result = PlainChanges([], [], [])
    for each in comparison.changes:
        text = f"{each.text[:1].upper()}{each.text[1:]}."
        if each.kind in {*WIDENING, "not-owed"}:
            result.more.append(text)
        elif each.kind in {"denied", "duty-added", "owed"}:
            result.less.append(text)
        else:
            result.other.append(text)
    return result


@lru_cache(maxsize=COMPARED_MAX)
def what_changed(old: Policy, new: Policy) -> tuple[PlainChanges | None, Markup]:
    """What differs between two versions in sentences, and side by side.

    Where their effects are too many to be compared, there are no sentences: nobody waits for them.
    """
    try:
        comparison = compare(old, new)
    except UpheldError:
        bare = Comparison(
            old=old.digest, new=new.digest, changes=(), reworded=(), edited=(), notes=()
        )
        return None, Markup(changes_table(old, new, bare))  # noqa: S704 - its texts are escaped
    return in_words(comparison), Markup(changes_table(old, new, comparison))  # noqa: S704 - as above


class CustomerChanges:
    """The page of what changed since somebody last looked."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self._looked: dict[PersonId, str] = {}  # the digest of the version that they looked at

    async def is_due(self, person_id: PersonId) -> bool:
        """Whether a version was posted that somebody has not looked at."""
        gate = self.provider.gate.gate
        await self.provider.run_in_thread(gate.refresh)
        digest = gate.policy.digest
        if self._looked.get(person_id) == digest:
            return False
        there = await self.provider.do(
            lambda transaction: customer_looks.unread(transaction, person_id)
        )
        if there is not None:
            return True
        if len(self._looked) >= REMEMBERED_MAX:
            self._looked.clear()
        self._looked[person_id] = digest
        return False

    async def show(self, visit: Visit) -> Response:
        """What changed; whoever has looked at everything goes on at once."""

        def look(
            transaction: Transaction,
        ) -> tuple[Unread, Policy, Policy, bool] | None:
            there = customer_looks.unread(transaction, visit.subject)
            if there is None:
                return None
            return (
                there,
                transaction.editions.policy(there.last.digest),
                transaction.editions.policy(there.newest.digest),
                len(transaction.binding_versions(visit.subject)) == 1,
            )

        result = await self.provider.do(look)
        if result is None:
            return self._onward(visit)
        there, old, new, binds = result
        words, changes = await self.provider.run_in_thread(what_changed, old, new)
        return self.provider.pages.page(
            visit.request,
            "versions/changes.html",
            unread=there,
            words=words,
            changes=changes,
            binds=binds,
            payable="payment" in self.provider.destinations,
            destination=destination_of(self.provider, visit.request, "customer"),
        )

    async def go_on(self, visit: Visit) -> Response:
        """Note that somebody goes on, having looked at the version that the form names."""
        text = visit.form.get("number", "")
        number = int(text) if isinstance(text, str) and _is_number(text) else 0
        if await self.provider.do(
            lambda transaction: customer_looks.note_look(transaction, visit.subject, number)
        ):
            return self._onward(visit)
        destination = destination_of(self.provider, visit.request, "customer")
        return RedirectResponse(with_destination(CHANGES, destination), 303)

    def _onward(self, visit: Visit) -> Response:
        path = destination_path(self.provider, visit.request, "customer", "/me")
        here = path.partition("?")[0] == CHANGES
        return RedirectResponse("/me" if here else path, 303)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 9
