"""A provider that is served while versions are posted by a process that is killed."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from starlette.testclient import TestClient

from cli.homes import provider_in
from gate.kills import killed
from gate.versions import IMPROVING, post, version
from sizes import size
from upheld.api.service import Service, ServiceSettings
from upheld.app.provider import service_of
from upheld.cli.admin import gate_of, provider_of
from upheld.core.ids import PersonId
from upheld.core.settings import Settings, read_settings
from upheld.gate.gate import Gate
from upheld.policy.load import load_text

KILLS = size("kills in posting a version that is served", short=3, long=60)


class Reader:
    """A process that serves the provider and decides, as far as it can be one in a test."""

    def __init__(self, settings: Settings, home: Path) -> None:
        self.provider = provider_of(settings)
        self.service: Service = service_of(self.provider, home / "policy.md", ServiceSettings())
        self.browser = TestClient(self.service, headers={"accept": "text/html"})

    def digests(self, person: PersonId) -> set[str]:
        """The digests of the version that it shows, and by which it decides."""
        gate = self.provider.gate.gate
        shown = load_text(self.browser.get("/policy.md").text).digest
        told = self.browser.get("/policy.json").json()["digest"].removeprefix("sha256:")
        gate.use(person, ["email"], purpose="billing")
        return {shown, told, gate.entries(person)[-1].entry.policy}


def test_a_killed_posting_is_served_and_enforced_by_every_process_alike(tmp_path: Path) -> None:
    """The old version or the new one: what is shown decides, also where a process slept."""
    home = provider_in(tmp_path)
    settings = read_settings(home / "upheld.toml")
    awake, asleep = Reader(settings, home), Reader(settings, home)
    gate = awake.provider.gate.gate
    person = gate.enrol()
    words = {"email": "ann@marked.example", "name": "Ann"}
    gate.store(person, {"birth-date": "1990-02-01"}, source="customer", occasion="registration")
    gate.store(person, words, source="customer", occasion="registration")
    chance = random.Random(7)  # noqa: S311 - moments, not secrets
    own: list[Gate] = []

    def work(said: Callable[[str], None]) -> None:
        if not own:
            own.append(gate_of(settings))
        number = own[0].context.edition + 1
        new = version(f"v{number}", (IMPROVING, f"{IMPROVING}\n  with record"))
        post(own[0], new, wider=False)
        said(new.digest)

    digest = gate.policy.digest
    for _ in range(KILLS):
        posted = killed(work, chance.random() * 0.3)
        (digest,) = awake.digests(person)
        gate.refresh()
        editions = [each.digest for each in gate.context.editions]
        assert digest == editions[-1]
        assert posted[-1] in editions[-2:]
    assert asleep.digests(person) == {digest}
