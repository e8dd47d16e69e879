"""Which advertisement somebody sees on a page of ours: picked here, by nobody else.

In which bands somebody is, is read through the gate once a session, and kept like what was seen in
it in this process's mind alone, in no row and no cookie. Whether it may be used at all is asked of
the gate each time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from itertools import count
from typing import Final, NamedTuple

from markupsafe import Markup

from upheld.core.company_names import company_name
from upheld.core.ids import PersonId
from upheld.database.own_tables import Tables
from upheld.gate.act.request import Refused
from upheld.gate.transaction import Transaction
from upheld.practice import bands, parties
from upheld.practice.plugin import Provider
from upheld.practices.ads import (
    ad_reports,
    audience,
    campaigns,
    counts,
    hides,
    month_prices,
    pictures,
)
from upheld.practices.ads.campaigns import Campaign
from upheld.practices.ads.matching import Bits, CampaignIndex, Groups, Mask
from upheld.practices.ads.periods import kind_of
from upheld.web import sessions

VIEWS_A_SESSION: Final = 3  # how often a session sees one campaign at most
SESSIONS_MAX: Final = 10_000
FRESH: Final = timedelta(seconds=60)  # after which other processes' changes are seen
TRIES_MAX: Final = 20  # of campaigns for one page, where some were stopped a moment ago


class SessionMask(NamedTuple):
    """The bands in which somebody is, and what that was made under: it holds no longer."""

    made_under: tuple[object, ...]
    mask: Mask


class LiveCampaigns(NamedTuple):
    """The campaigns that are live, and by kind those that share a price."""

    lookup: CampaignIndex
    kinds: Mapping[str, Bits]

    @classmethod
    def of(cls, every: Iterable[Campaign], now: datetime) -> LiveCampaigns:
        """Those of some campaigns that are live at a moment."""
        index = CampaignIndex(every, now)
        return cls(index, index.by(lambda its: (kind_of(its.criteria),)))


class Seen:
    """What a session saw, hid, reported and clicked, and the bands of whose it is."""

    def __init__(self, used_at: datetime | None = None) -> None:
        self.used_at = used_at  # when last
        self.views: dict[str, int] = {}
        self.clicked: set[str] = set()
        self.reported: set[str] = set()
        self.mask: SessionMask | None = None

    def over(self) -> list[str]:
        """The ids of the campaigns that this session saw often enough."""
        return [each for each, views in self.views.items() if views >= VIEWS_A_SESSION]


class Picking:
    """Picks advertisements, and keeps in mind which are live and what sessions saw."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self._current: LiveCampaigns | None = None
        self._read_at: datetime | None = None
        self._sessions: OrderedDict[bytes, Seen] = OrderedDict()
        self._turns = count()
        self._pictures: dict[str, pictures.ShownPicture | None] = {}  # of those that were shown

    def seen(self, session: bytes) -> Seen:
        """What a session saw; those that are over are forgotten, and the longest unused first."""
        now = self.provider.now()
        result = self._sessions.setdefault(session, Seen())
        result.used_at = now
        self._sessions.move_to_end(session)
        while len(self._sessions) > SESSIONS_MAX or self._is_first_over(now):
            self._sessions.popitem(last=False)
        return result

    def _is_first_over(self, now: datetime) -> bool:
        """Whether the session that was not used for longest is surely over by now."""
        used_at = next(iter(self._sessions.values())).used_at
        return used_at is None or now - used_at > sessions.ABSOLUTE

    def forget_campaigns(self) -> None:
        """Read anew which campaigns there are: one has changed."""
        self._read_at = None

    async def _live(self) -> LiveCampaigns:
        """The campaigns that are live now."""
        now, live = self.provider.now(), self._current
        is_fresh = self._read_at is not None and timedelta() <= now - self._read_at < FRESH
        if live is not None and is_fresh and (live.lookup.until is None or now < live.lookup.until):
            return live

        def look(tables: Tables) -> LiveCampaigns:
            approved = campaigns.unfinished(tables, now)
            return LiveCampaigns.of(ad_reports.without_their_booking(tables, approved), now)

        self._pictures.clear()
        self._current = await self.provider.read(look)
        self._read_at = now
        return self._current

    async def insert(self, person_id: PersonId, session: bytes) -> Markup:
        """The advertisement of a page, its view counted; nothing where there is none to show."""
        live, mind = await self._live(), self.seen(session)
        if not live.lookup.live:
            return Markup("")
        its = await self.provider.do(lambda t: self._show(t, person_id, live, mind))
        if its is None:
            return Markup("")
        mind.views[its.campaign_id] = mind.views.get(its.campaign_id, 0) + 1
        picture = await self._picture_of(its)
        words = {"its": its, "name": company_name(its.party), "picture": picture}
        return Markup(self.provider.pages.text("ads/insert.html", **words))  # noqa: S704 - a template of ours, which escapes

    async def _picture_of(self, its: Campaign) -> pictures.ShownPicture | None:
        """What a page says of the picture of a campaign; None where it has none."""
        if its.campaign_id not in self._pictures:
            its_picture = await self.provider.read(
                lambda tables: pictures.find(tables, its.campaign_id)
            )
            self._pictures[its.campaign_id] = its_picture and pictures.ShownPicture(
                its_picture.alternative, its_picture.picture.width, its_picture.picture.height
            )
        return self._pictures[its.campaign_id]

    def _show(
        self, transaction: Transaction, person_id: PersonId, live: LiveCampaigns, seen: Seen
    ) -> Campaign | None:
        """Pick a campaign and count its view; first of what is meant for somebody in particular.

        What cannot be paid for in this month is not picked.
        """
        index, kinds = live
        if not counts.may_see_more(transaction, person_id):
            return None
        advertisers = parties.in_role(transaction, campaigns.ADVERTISER)
        hidden = hides.hidden_from(transaction, person_id)
        of_others = index.of_others(advertisers)
        barred = index.bits_of([*hidden, *seen.over()]) | of_others
        running = sorted(kind for kind, those in kinds.items() if those & ~of_others)
        for kind in kinds.keys() - month_prices.kinds_to_show(transaction, running):
            barred |= kinds[kind]
        targeted = self._meant(transaction, person_id, index, seen) & ~barred
        untargeted = index.untargeted & ~barred
        for _ in range(TRIES_MAX):
            turn = next(self._turns)
            its = index.pick(targeted, seen.views, turn) or index.pick(untargeted, seen.views, turn)
            if its is None:
                return None
            if its.criteria:
                fields = bands.fields_of(its.criteria)
                if isinstance(transaction.act(audience.showing(fields), person_id), Refused):
                    targeted = 0
                    continue
            if counts.count_view(transaction, its, person_id):
                return its
            barred = index.bits_of([its.campaign_id])  # it was stopped in another process
            targeted, untargeted = targeted & ~barred, untargeted & ~barred
        return None

    @staticmethod
    def _meant(
        transaction: Transaction, person_id: PersonId, index: CampaignIndex, seen: Seen
    ) -> Bits:
        """The campaigns that are meant for somebody, as far as the policy lets us choose so now."""
        if not index.targeted:
            return 0
        groups = audience.permitted_each(transaction, [person_id], index.fields).get(person_id)
        if groups is None:
            seen.mask = None
            return 0
        seen.mask = _read_mask(transaction, person_id, groups, seen.mask)
        return index.meant(seen.mask.mask, groups)


def _read_mask(
    transaction: Transaction, person_id: PersonId, groups: Groups, before: SessionMask | None
) -> SessionMask:
    """The bands of somebody: those of before, unless what they were made under has changed.

    That is the day, the policy, which fields may be used, and what is stored in them.
    """
    marks = transaction.held_marks(person_id)
    stored = tuple((field, marks.get(field)) for field in sorted(groups))
    did = audience.activity_mark(transaction, person_id, groups)
    made_under = (transaction.policy.digest, transaction.clock.today(), stored, did)
    if before is not None and before.made_under == made_under:
        return before
    masks = audience.read_masks(transaction, {person_id: groups})
    return SessionMask(made_under, masks.get(person_id, {}))
