"""What no advertisement may be for or be chosen by: what the policy's vocabulary calls sensitive.

Whoever reviews cannot approve what speaks of it by its own words. One that speaks of it by the name
of its company alone waits until the name is allowed: see `names`. What was approved before the
vocabulary said so is stopped, until somebody has looked at it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from upheld.core.company_names import company_name
from upheld.core.ids import CampaignId
from upheld.database.own_tables import Tables
from upheld.gate.gate import Gate
from upheld.gate.public import REGISTER
from upheld.gate.transaction import Transaction
from upheld.policy.load import Policy
from upheld.practice import bands, parties
from upheld.practice.plugin import Provider
from upheld.practices.ads import campaigns, names, pictures
from upheld.practices.ads.campaigns import AdError, Campaign
from upheld.practices.ads.run_together import words_run_together
from upheld.practices.ads.topics import topics_in

REFUSED: Final = "We do not accept advertisements about"


class CampaignTopics(NamedTuple):
    """The sensitive topics of a campaign: by its own words, and by its company's name alone.

    `remarks` say which words somebody should look at.
    """

    own: list[str]
    by_name: list[str]
    remarks: list[str]

    @property
    def matters(self) -> list[str]:
        """All of them."""
        return [*self.own, *self.by_name]


def topics_of(tables: Tables, policy: Policy, its: Campaign) -> CampaignTopics:
    """What a campaign speaks of.

    That is by its texts, its picture's words, its address, its kind and whom it is meant for; and
    by its company's name and domain, unless these are allowed.
    """
    parties.load_names(tables)
    picture = pictures.find(tables, its.campaign_id)
    domain = campaigns.domain_of(tables, its.party)
    texts = [its.title, its.text, its.category, *bands.describe(its.criteria)]
    texts += [_beside(its.address, domain), picture.alternative if picture else ""]
    own, name = topics_in(policy, texts), topics_in(policy, [company_name(its.party), domain])
    # What the whole address says and neither its domain nor the rest: words across the two.
    across = {*topics_in(policy, [its.address]).matters} - {*topics_in(policy, [domain]).matters}
    matters = [*own.matters, *sorted(across - {*own.matters})]
    by_name = [] if names.is_allowed(tables, its.party) else name.matters
    joined = words_run_together(
        policy, [company_name(its.party), *_pieces(its.address), domain], {*matters, *name.matters}
    )
    return CampaignTopics(
        matters,
        [each for each in by_name if each not in matters],
        [*dict.fromkeys((*own.remarks, *name.remarks, *joined))],
    )


def _pieces(address: str) -> tuple[str, str]:
    parts = urlsplit(address)
    return parts.hostname or "", parts.path


def _beside(address: str, domain: str) -> str:
    """An address without the domain of its advertiser: what it says besides."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    if domain and (host == domain or host.endswith(f".{domain}")):
        host = host.removesuffix(domain)
    return f"{host} {parts.path}"


def require_none(transaction: Transaction, its: Campaign) -> None:
    """AdError for a campaign that speaks of a sensitive topic."""
    topics = topics_of(transaction.tables, transaction.policy, its)
    if topics.own:
        raise AdError(
            f"we do not accept advertisements about: {', '.join(topics.own)}",
            code="ad",
            hint="the policy's vocabulary calls this sensitive; leave it stopped",
        )
    require_name(topics)


def require_name(topics: CampaignTopics) -> None:
    """AdError where the name of a campaign's company speaks of a topic and is not allowed."""
    if topics.by_name:
        raise AdError(
            f"the name of this company mentions a sensitive topic: {', '.join(topics.by_name)}",
            code="ad",
            hint="another manager has to allow the name first: see the names of advertisers",
        )


class NewReviews:
    """Stops what runs and speaks of a sensitive topic by now.

    A campaign is read once under a policy and a name of its company, however often it is looked at.
    """

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._policy = ""
        self._clean: set[tuple[object, ...]] = set()

    def make(self, gate: Gate) -> int:
        """Stop what is to be reviewed anew; how many. The job of that name."""
        policy, now = self._provider.policy, self._provider.now()
        if policy.digest != self._policy:
            self._policy, self._clean = policy.digest, set()
        with gate.look() as tables:
            wrong = [*self._wrong(tables, policy, campaigns.unfinished(tables, now))]
        return sum(_stop(gate, each) for each in wrong)

    def _wrong(
        self, tables: Tables, policy: Policy, every: Iterable[Campaign]
    ) -> Iterator[CampaignId]:
        """The ids of those of some campaigns that speak of a topic."""
        parties.load_names(tables)
        marks: dict[str, tuple[object, ...]] = {}
        for its in every:
            if its.party not in marks:
                marks[its.party] = _mark_of(tables, its.party)
            key = (its.campaign_id, *marks[its.party])
            if key in self._clean:
                continue
            if topics_of(tables, policy, its).matters:
                yield its.campaign_id
            else:
                self._clean.add(key)


def _mark_of(tables: Tables, party: str) -> tuple[object, ...]:
    """What is another when the name of a company says something else, or counts otherwise."""
    domain = campaigns.domain_of(tables, party)
    return company_name(party), domain, names.is_allowed(tables, party)


def _stop(gate: Gate, campaign_id: CampaignId) -> bool:
    """Stop a campaign if it still runs and speaks of a topic; whether it was."""
    with gate.together() as transaction:
        transaction.lock(REGISTER)  # before it is read: whatever came meanwhile counts
        its = campaigns.require(transaction.tables, campaign_id)
        matters = topics_of(transaction.tables, transaction.policy, its).matters
        if its.state != campaigns.APPROVED or not matters:
            return False
        reason = f"{REFUSED}: {', '.join(matters)}"
        campaigns.stop_for_review(transaction, campaign_id, reason=reason)
        return True
