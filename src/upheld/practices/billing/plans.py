"""The plans on offer: a TOML file, the one beside this module or the provider's own."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from upheld.core.errors import UpheldError
from upheld.core.files import read_file

OWN: Final = Path(__file__).with_name("plans.toml")
Word = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=40)]
Title = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Field = Annotated[str, msgspec.Meta(pattern=r"^[a-z]+(-[a-z]+)*$", max_length=40)]
Cents = Annotated[int, msgspec.Meta(ge=0, le=10_000_000)]


class PlansError(UpheldError):
    """A file of plans that cannot be read."""


class ServicePlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A plan: what it is called, which service it is of, and its price a month.

    `password` says that the service has a password of its own. A person has one plan of a service.
    A company of the register that provides it is its `supplier`, and gets the fields that it needs:
    `supplier_data`, words of the policy.
    """

    id: Word
    service: Word
    title: Title
    cents: Cents
    line: str = ""
    password: bool = False
    supplier: Word | Literal[""] = ""
    supplier_data: tuple[Field, ...] = ()


class _PlansFile(msgspec.Struct, forbid_unknown_fields=True):
    plan: tuple[ServicePlan, ...]


def catalogue(path: Path | None = None) -> Mapping[str, ServicePlan]:
    """The plans by id, in the order of their file; PlansError names what is wrong with it."""
    where = path or OWN
    raw, _ = read_file(where, error=PlansError)
    try:
        plans = msgspec.convert(tomllib.loads(raw.decode()), _PlansFile).plan
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        problem = re.sub(r"\s+", " ", str(error))
        raise PlansError(
            f"the plans in {where}: {problem}",
            code="plans",
            hint="compare it with plans.toml in upheld/practices/billing",
        ) from None
    for plan in plans:
        if bool(plan.supplier) != bool(plan.supplier_data):
            raise PlansError(
                f"the plans in {where}: a supplier and the fields that it needs go together",
                code="plans",
                hint="name both `supplier` and `supplier_data`, or neither",
            )
    by_id = {plan.id: plan for plan in plans}
    if len(by_id) < len(plans):
        raise PlansError(
            f"the plans in {where}: an id is there twice",
            code="plans",
            hint="give each plan an id of its own",
        )
    return by_id


def titles(plans: Mapping[str, ServicePlan]) -> dict[str, str]:
    """What each service is called: the words with which the titles of all its plans begin."""
    words_by_service: dict[str, list[str]] = {}
    for plan in plans.values():
        words = plan.title.split()
        before = words_by_service.get(plan.service, words)
        same = [one for one, other in zip(before, words, strict=False) if one == other]
        words_by_service[plan.service] = same
    return {service: " ".join(words) or service for service, words in words_by_service.items()}
