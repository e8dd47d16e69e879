"""What the practice of versions brings."""

from __future__ import annotations

from upheld.gate.operations.jobs import MINUTE, Job
from upheld.practice.needs import Need
from upheld.practice.plugin import Practice, Provider
from upheld.practices.versions.drafts import post_announced

NEEDS = (Need("posting another version of the policy", "amend"),)


def practice(provider: Provider) -> Practice:
    """Drafts that are posted on their day."""
    del provider
    return Practice(
        "versions",
        actions=("amend",),
        jobs=[Job("post-versions", MINUTE, post_announced)],
    )
