"""Further versions of the sample policy, and posting them, for tests."""

from __future__ import annotations

from functools import lru_cache

import upheld
from upheld.core.ids import UserId
from upheld.demo import sample_policy
from upheld.gate.act.request import Refused
from upheld.gate.editions.store import Edition
from upheld.gate.gate import Gate
from upheld.gate.posting import ApprovedVersion
from upheld.policy.analyse.compare import compare
from upheld.policy.load import load_text
from upheld.practices.versions.drafts import is_wider

IMPROVING = "may use activity, services, messages for service-improvement"
WIDER = (IMPROVING, f"{IMPROVING}\n  may use interests for service-improvement")
NARROWER = (IMPROVING, "may use activity, services for service-improvement")


@lru_cache
def version(name: str, *changes: tuple[str, str]) -> upheld.Policy:
    """The sample policy as another version, with some words in place of others."""
    text = sample_policy().read_text(encoding="utf-8")
    for old, new in (
        ("version: 2026-11-01", f"version: {name}"),
        ("effective: 2026-11-01\n", ""),
        *changes,
    ):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return load_text(text)


@lru_cache
def widens(base: upheld.Policy, policy: upheld.Policy) -> bool:
    """Whether one version allows more than another."""
    return is_wider(compare(base, policy))


def post(
    gate: Gate,
    policy: upheld.Policy,
    base: upheld.Policy | None = None,
    wider: bool | None = None,
) -> Edition | Refused:
    """Post a version, as if two people wanted it."""
    gate.take_first_version()
    gate.refresh()
    base = base or gate.policy
    with gate.together() as transaction:
        transaction.editions.require_new(policy)
        transaction.editions.keep(policy)
        posted = transaction.editions.post(
            ApprovedVersion(
                digest=policy.digest,
                base=base.digest,
                widens=widens(base, policy) if wider is None else wider,
                drafted_by=UserId("one"),
                approved_by=UserId("other"),
            ),
            actor="staff one",
        )
    gate.refresh()
    return posted


def post_version(gate: Gate, name: str, *changes: tuple[str, str]) -> Edition:
    """Post the sample policy as another version, which the one in force allows."""
    posted = post(gate, version(name, *changes))
    assert isinstance(posted, Edition)
    return posted
