"""Which of the live campaigns are meant for somebody: a bit for each, and a few operations on them.

Ten thousand campaigns are whole numbers of ten thousand bits, one number for each band of each
dimension. Somebody meets a campaign where its bit stands in one of their bands of every dimension.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import TypeVar

from upheld.practice import bands
from upheld.practices.ads.campaigns import Campaign

Bits = int  # one for each live campaign
Groups = Mapping[str, int]  # a field that may be used, to the smallest group for which it may
Mask = Mapping[str, set[str]]  # a dimension, to the bands in which somebody is
Key = TypeVar("Key")


class CampaignIndex:
    """The campaigns that are live at a moment; `until` is when others are. It never changes."""

    def __init__(self, every: Iterable[Campaign], now: datetime) -> None:
        its = [each for each in every if now < each.ends]
        # The largest group comes first: campaigns of so many people at least are the lowest bits.
        self.live = sorted(
            (each for each in its if each.is_live(now)), key=lambda c: (-c.eligible, c.campaign_id)
        )
        self.until = min((at for c in its for at in (c.begins, c.ends) if at > now), default=None)
        self._sizes = [-each.eligible for each in self.live]
        self._places: dict[str, int] = {each.campaign_id: at for at, each in enumerate(self.live)}
        self.targeted = self._of(lambda c: bool(c.criteria))
        self.untargeted = self._of(lambda c: not c.criteria)
        self._bands: dict[str, dict[str, Bits]] = {}  # by dimension: who names a band
        self._open: dict[str, Bits] = {}  # by dimension: who names no band of it
        for dimension in {dimension for each in self.live for dimension in each.criteria}:
            self._bands[dimension] = self.by(partial(_named, dimension))
            self._open[dimension] = self._of(partial(_is_open, dimension))
        self._fields = self.by(lambda c: bands.fields_of(c.criteria) if c.criteria else ())
        self._parties = self.by(lambda c: (c.party,))

    @property
    def fields(self) -> tuple[str, ...]:
        """The kinds of data by which one of them is chosen."""
        return tuple(sorted(self._fields))

    def _of(self, holds: Callable[[Campaign], bool]) -> Bits:
        return _bits(at for at, each in enumerate(self.live) if holds(each))

    def by(self, keys: Callable[[Campaign], Iterable[Key]]) -> dict[Key, Bits]:
        """The campaigns of each key."""
        places: dict[Key, list[int]] = {}
        for at, each in enumerate(self.live):
            for key in keys(each):
                places.setdefault(key, []).append(at)
        return {key: _bits(there) for key, there in places.items()}

    def meant(self, mask: Mask, groups: Groups) -> Bits:
        """What is meant for somebody in these bands, as far as their data may be used for it.

        A campaign whose group has fewer people than one of its fields asks for is none of it.
        """
        result = self.targeted
        for field, naming in self._fields.items():
            least = groups.get(field, 0)
            large = (1 << bisect_right(self._sizes, -least)) - 1 if least else 0
            result &= ~naming | large
        for dimension, naming_bands in self._bands.items():
            fitting = self._open[dimension]
            for band in mask.get(dimension, ()):
                fitting |= naming_bands.get(band, 0)
            result &= fitting
        return result

    def bits_of(self, campaigns: Iterable[str]) -> Bits:
        """The campaigns of some ids; one that is not live is passed over."""
        places = self._places
        return _bits(places[each] for each in campaigns if each in places)

    def of_others(self, parties: Iterable[str]) -> Bits:
        """The campaigns of companies that are none of these."""
        result = 0
        for party in self._parties.keys() - {*parties}:
            result |= self._parties[party]
        return result

    def pick(self, among: Bits, views: Mapping[str, int], turn: int) -> Campaign | None:
        """One of some campaigns: of those that were not seen the one whose turn it is.

        Where all were seen, it is the one that was seen least. None of no campaigns.
        """
        if unseen := among & ~self.bits_of(views):
            return self.live[_place(unseen, turn % unseen.bit_count())]
        others = [each for each in views if among & self.bits_of([each])]
        if not others:
            return None
        return self.live[self._places[min(others, key=lambda each: (views[each], each))]]


def _named(dimension: str, its: Campaign) -> Iterable[str]:
    return its.criteria.get(dimension, ())


def _is_open(dimension: str, its: Campaign) -> bool:
    return dimension not in its.criteria


def _bits(places: Iterable[int]) -> Bits:
    """The number whose bits at some places are one."""
    number = bytearray()
    for at in places:
        if (byte := at >> 3) >= len(number):
            number.extend(bytes(byte + 1 - len(number)))
        number[byte] |= 1 << (at & 7)
    return int.from_bytes(number, "little")


def _place(number: Bits, rank: int) -> int:
    """Where the bit of a number stands that has so many ones below it, which there has to be."""
    place, width = 0, number.bit_length()
    while width > 1:
        half = width >> 1
        low = number & ((1 << half) - 1)
        if rank < (below := low.bit_count()):
            number, width = low, half
        else:
            number, rank, place, width = number >> half, rank - below, place + half, width - half
    return place
