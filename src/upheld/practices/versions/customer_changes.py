"""The page between: what changed in the policy and the terms, once, before a customer goes on.

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
from upheld.practice import terms
from upheld.practice.destinations import destination_of, destination_path, with_destination
from upheld.practice.endpoints import Visit
from upheld.practice.plugin import Provider
from upheld.practice.terms import UnreadTerms
from upheld.practice.terms_changes import terms_changes
from upheld.practices.versions import customer_looks
from upheld.practices.versions.customer_looks import Unread
from upheld.practices.versions.public_pages import COMPARED_MAX

CHANGES: Final = "/me/changes"
NUMBER_DIGITS: Final = 9  # fewer than so many
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
        self._looked: dict[PersonId, tuple[str, int]] = {}  # versions that they looked at

    async def is_due(self, person_id: PersonId) -> bool:
        """Whether a version of either was posted that somebody has not looked at."""
        newest = await self.provider.run_in_thread(self._newest)
        if self._looked.get(person_id) == newest:
            return False
        if await self.provider.do(
            lambda transaction: (
                customer_looks.unread(transaction, person_id) is not None
                or terms.unread(transaction, person_id) is not None
            )
        ):
            return True
        if len(self._looked) >= REMEMBERED_MAX:
            self._looked.clear()
        self._looked[person_id] = newest
        return False

    def _newest(self) -> tuple[str, int]:
        """The versions of the policy and of the terms that are in force."""
        gate = self.provider.gate.gate
        gate.refresh()
        with gate.look() as tables:
            return gate.policy.digest, terms.newest_number(tables)

    async def show(self, visit: Visit) -> Response:
        """What changed; whoever has looked at everything goes on at once."""
        look = await self.provider.do(lambda transaction: _look(transaction, visit.subject))
        if look.policy is None and look.terms is None:
            return self._onward(visit)
        words, changes, terms_changed = None, Markup(), Markup()
        if look.policy is not None:
            words, changes = await self.provider.run_in_thread(what_changed, *look.policies)
        if look.terms is not None:
            terms_changed = await self.provider.run_in_thread(terms_changes, *look.texts)
        return self.provider.pages.page(
            visit.request,
            "versions/changes.html",
            unread=look.policy,
            words=words,
            changes=changes,
            binds=look.binds,
            terms=look.terms,
            terms_changed=terms_changed,
            payable="payment" in self.provider.destinations,
            destination=destination_of(self.provider, visit.request, "customer"),
        )

    async def go_on(self, visit: Visit) -> Response:
        """Note that somebody goes on, having looked at the versions that the form names.

        They accept the terms by that. What was posted meanwhile is shown to them too.
        """
        number, terms_number = _number(visit, "number"), _number(visit, "terms")

        def note(transaction: Transaction) -> bool:
            subject = visit.subject
            looked = customer_looks.note_look(transaction, subject, number)
            there = terms.unread(transaction, subject)
            if there is None:
                return looked
            if there.newest.number != terms_number:
                return False
            terms.accept(transaction, subject, there.newest.digest)
            return looked

        if await self.provider.do(note):
            return self._onward(visit)
        destination = destination_of(self.provider, visit.request, "customer")
        return RedirectResponse(with_destination(CHANGES, destination), 303)

    def _onward(self, visit: Visit) -> Response:
        path = destination_path(self.provider, visit.request, "customer", "/me")
        here = path.partition("?")[0] == CHANGES
        return RedirectResponse("/me" if here else path, 303)


def _number(visit: Visit, name: str) -> int:
    """The number that a form has by a name; 0 where it has none."""
    text = visit.form.get(name, "")
    if isinstance(text, str) and text.isascii() and text.isdecimal() and len(text) < NUMBER_DIGITS:
        return int(text)
    return 0


class _Look(NamedTuple):
    """What somebody has not looked at yet: of the policy, and of the terms; None for nothing."""

    policy: Unread | None
    policies: tuple[Policy, ...]  # the last that they saw, and the one in force
    binds: bool
    terms: UnreadTerms | None
    texts: tuple[str, ...]


def _look(transaction: Transaction, person_id: PersonId) -> _Look:
    policy, unread = (
        customer_looks.unread(transaction, person_id),
        terms.unread(transaction, person_id),
    )
    policies, texts, binds = tuple[Policy, ...](), tuple[str, ...](), True
    if policy is not None:
        pair = policy.last, policy.newest
        policies = tuple(transaction.editions.policy(each.digest) for each in pair)
        binds = len(transaction.binding_versions(person_id)) == 1
    if unread is not None:
        texts = tuple(terms.text_of(transaction.tables, each.digest) for each in unread)
    return _Look(policy, policies, binds, unread, texts)
