"""Which advertisement somebody sees on a page of ours: picked here, by nobody else.

What was seen in a session is kept in this process's mind alone, in no row and no cookie.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Final

from markupsafe import Markup

from upheld.core.ids import PersonId
from upheld.database.own_tables import Tables
from upheld.gate.act.request import Refused
from upheld.gate.transaction import Transaction
from upheld.practice import bands, parties
from upheld.practice.plugin import Provider
from upheld.practices.ads import ad_reports, campaigns, counts
from upheld.practices.ads.campaigns import Campaign

VIEWS_A_SESSION: Final = 3  # how often a session sees one campaign at most
SESSIONS_MAX: Final = 10_000
FRESH: Final = timedelta(seconds=60)  # after which other processes' changes are seen


class Seen:
    """What a session saw, hid, reported and clicked."""

    def __init__(self) -> None:
        self.views: dict[str, int] = {}
        self.hidden: set[str] = set()
        self.clicked: set[str] = set()
        self.reported: set[str] = set()

    def may_see(self, its: Campaign) -> bool:
        """Whether a campaign may be shown once more in this session."""
        return (
            its.campaign_id not in self.hidden
            and self.views.get(its.campaign_id, 0) < VIEWS_A_SESSION
        )


class Picking:
    """Picks advertisements, and keeps in mind which are live and what sessions saw."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self._live: list[Campaign] = []
        self._read_at: datetime | None = None
        self._sessions: OrderedDict[bytes, Seen] = OrderedDict()

    def seen(self, session: bytes) -> Seen:
        """What a session saw; the longest unused sessions are forgotten first."""
        result = self._sessions.setdefault(session, Seen())
        self._sessions.move_to_end(session)
        while len(self._sessions) > SESSIONS_MAX:
            self._sessions.popitem(last=False)
        return result

    def forget_campaigns(self) -> None:
        """Read anew which campaigns there are: one has changed."""
        self._read_at = None

    async def _candidates(self) -> list[Campaign]:
        now = self.provider.now()
        if self._read_at is None or not timedelta() <= now - self._read_at < FRESH:

            def look(tables: Tables) -> list[Campaign]:
                return [
                    each
                    for each in campaigns.every(tables)
                    if each.state == campaigns.APPROVED
                    and now < each.ends
                    and not ad_reports.has_its_booking(tables, each)
                ]

            self._live = await self.provider.read(look)
            self._read_at = now
        return [each for each in self._live if each.is_live(now)]

    async def insert(self, person_id: PersonId, session: bytes) -> Markup:
        """The advertisement of a page, its view counted; nothing where there is none to show."""
        live, seen = await self._candidates(), self.seen(session)
        live = [each for each in live if seen.may_see(each)]
        if not live:
            return Markup("")

        def work(transaction: Transaction) -> Campaign | None:
            if not counts.may_see_more(transaction, person_id):
                return None
            advertisers = parties.in_role(transaction, campaigns.ADVERTISER)
            mine = [each for each in live if each.party in advertisers]
            for its in self._in_order(transaction, person_id, mine, seen):
                if counts.count_view(transaction, its, person_id):
                    return its
            return None

        its = await self.provider.do(work)
        if its is None:
            return Markup("")
        seen.views[its.campaign_id] = seen.views.get(its.campaign_id, 0) + 1
        return Markup(self.provider.pages.text("ads/insert.html", its=its))  # noqa: S704 - a template of ours, which escapes

    def _in_order(
        self,
        transaction: Transaction,
        person_id: PersonId,
        mine: list[Campaign],
        seen: Seen,
    ) -> list[Campaign]:
        """What somebody may be shown: first what is meant for them, each the least seen first."""
        meant = self._meant(transaction, person_id, [each for each in mine if each.criteria])

        def least_seen(its: Campaign) -> tuple[int, str]:
            return seen.views.get(its.campaign_id, 0), its.campaign_id

        untargeted = [each for each in mine if not each.criteria]
        return sorted(meant, key=least_seen) + sorted(untargeted, key=least_seen)

    def _meant(
        self, transaction: Transaction, person_id: PersonId, targeted: list[Campaign]
    ) -> list[Campaign]:
        """The campaigns that are meant for somebody, as far as the policy lets us choose so."""
        open_to_them = []
        groups: dict[tuple[str, ...], int] = {}
        for each in targeted:
            fields = bands.fields_of(each.criteria)
            if fields not in groups:
                groups[fields] = campaigns.allowed(transaction, person_id, fields)
            if groups[fields] and each.eligible >= groups[fields]:
                open_to_them.append(each)
        if not open_to_them:
            return []
        fields = tuple(sorted({f for each in open_to_them for f in bands.fields_of(each.criteria)}))
        chosen = transaction.act(campaigns.showing(fields), person_id)
        used = transaction.act(campaigns.using(fields), person_id)
        if isinstance(chosen, Refused) or isinstance(used, Refused):
            return []
        values = {name: value.value for name, value in used.values.items()}
        today = transaction.clock.today()
        return [
            each
            for each in open_to_them
            if campaigns.is_meant(transaction, each.criteria, values, today)
        ]
