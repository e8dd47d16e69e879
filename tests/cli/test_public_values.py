"""`upheld person public`: a value is public by a source that stands beside it, until it is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.homes import provider_in, run
from upheld.cli.admin import gate_of
from upheld.core.errors import UpheldError
from upheld.core.ids import PersonId
from upheld.core.settings import read_settings
from upheld.gate.act.request import Act, Refused

SHARE = Act(
    action="share",
    data=("phone",),
    recipient="business-partner",
    purpose="service-provision",
    occasion="other",
)


def may_share(home: Path, person: str) -> bool:
    """Whether the phone number may go to a partner who serves them with us."""
    with gate_of(read_settings(home / "upheld.toml")).together() as transaction:
        return not isinstance(transaction.act(SHARE, PersonId(person)), Refused)


def test_a_value_is_public_by_its_source_until_another_takes_its_place(tmp_path: Path) -> None:
    """What is not held, or is said without a source, is not."""
    home = provider_in(tmp_path, max="manager")
    (home / "people.csv").write_text("name,phone\nAnn Marked,+1 425 555 0142\n")
    run(home, "admin", "import", str(home / "people.csv"), "--apply")
    found = json.loads(run(home, "person", "find", "--phone", "+1 425 555 0142", "--json"))
    person, by = str(found["people"][0]), ("--by", "max")
    assert not may_share(home, person)
    for words, code in (
        (("address", "--source", "the phone book"), "public-value"),
        (("phone",), "usage"),
        (("phone", "--source", "x", "--end"), "usage"),
        (("phone", "--end"), "public-value"),
        (("phone", "--source", "x" * 301), "public-value"),
    ):
        with pytest.raises(UpheldError) as caught:
            run(home, "person", "public", person, *words, *by)
        assert caught.value.code == code
    source = ("--source", "Larch Valley phone book, 2026")
    for _ in range(2):
        assert run(home, "person", "public", person, "phone", *source, *by) == "phone: public\n"
    assert may_share(home, person)
    run(home, "person", "public", person, "phone", "--end", *by)
    assert not may_share(home, person)
