"""The running provider: a gate over its database, its practices, and its pages, assembled once.

The policy's own pages come first; each practice adds its routes, and tells the gate what it proves,
carries out and derives. When another version of the policy is posted, the gate decides by it from
that moment on, and the pages show it. While it is served, its jobs are done beside it.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import signal
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType

from starlette.applications import Starlette
from starlette.routing import BaseRoute

from upheld.api import logs
from upheld.api.service import Service
from upheld.api.service import ServiceSettings as Serving
from upheld.api.service import serve as run_service
from upheld.app.draft import draft_routes
from upheld.app.health import Health
from upheld.app.policy import NOTICES, policy_routes
from upheld.app.posted import PostedLive
from upheld.core import observing
from upheld.core.errors import UpheldError
from upheld.core.installed_practices import (
    InstalledPractice,
    PracticeError,
    installed_practices,
)
from upheld.core.settings import Settings
from upheld.gate.act.duties import DutyHandlers
from upheld.gate.act.erasure_hooks import ErasureHooks
from upheld.gate.async_gate import AsyncGate
from upheld.gate.evidence.provers import ProverEntry
from upheld.gate.log import sentences
from upheld.gate.operations.jobs import start_jobs
from upheld.policy.load import Policy
from upheld.practice import terms
from upheld.practice.citations import clause_ids
from upheld.practice.endpoints import identify_visitor, prove_signed_in
from upheld.practice.needs import Need, can_ever, find_switched_off, signal_stops
from upheld.practice.plugin import Practice, PracticeFactory, Provider
from upheld.practice.privacy_budget import missing
from upheld.practice.promises import find_unkept, summary_lines
from upheld.practices.accounting import practice as accounting
from upheld.practices.accounts import practice as accounts
from upheld.practices.ads import practice as ads
from upheld.practices.agreements import practice as agreements
from upheld.practices.articles import practice as articles
from upheld.practices.billing import practice as billing
from upheld.practices.collection import practice as collection
from upheld.practices.deliveries import practice as deliveries
from upheld.practices.extracts import practice as extracts
from upheld.practices.feeds import practice as feeds
from upheld.practices.guardians import practice as guardians
from upheld.practices.help import practice as help_practice
from upheld.practices.incidents import practice as incidents
from upheld.practices.legal import practice as legal
from upheld.practices.messages import practice as messages
from upheld.practices.notices.page import PolicyPages
from upheld.practices.notices.proof import LivePages
from upheld.practices.notices.stories import read_stories
from upheld.practices.parties import practice as parties
from upheld.practices.programmes import practice as programmes
from upheld.practices.reports import practice as reports
from upheld.practices.rights import practice as rights
from upheld.practices.staff import practice as staff
from upheld.practices.takeovers import practice as takeovers
from upheld.practices.terminations import practice as terminations
from upheld.practices.versions import practice as versions
from upheld.web import kit
from upheld.web.pages import EVERYBODY, Imprint, Pages, Place, PolicyAnswers

_LOG = logging.getLogger("upheld.promises")
PRACTICES: tuple[tuple[str, PracticeFactory], ...] = (
    ("accounting", accounting.practice),
    ("accounts", accounts.practice),
    ("ads", ads.practice),
    ("agreements", agreements.practice),
    ("articles", articles.practice),
    ("billing", billing.practice),
    ("collection", collection.practice),
    ("deliveries", deliveries.practice),
    ("extracts", extracts.practice),
    ("feeds", feeds.practice),
    ("guardians", guardians.practice),
    ("help", help_practice.practice),
    ("incidents", incidents.practice),
    ("legal", legal.practice),
    ("takeovers", takeovers.practice),
    ("messages", messages.practice),
    ("parties", parties.practice),
    ("programmes", programmes.practice),
    ("reports", reports.practice),
    ("rights", rights.practice),
    ("staff", staff.practice),
    ("terminations", terminations.practice),
    ("versions", versions.practice),
)


def all_practices() -> tuple[tuple[str, PracticeFactory], ...]:
    """Upheld's own practices, and those of other packages that are installed.

    PracticeError where one has the name of another, or cannot be loaded.
    """
    own = dict(PRACTICES)
    for each in installed_practices():
        if each.name in own:
            raise PracticeError(
                f"{each.package} brings a practice `{each.name}`, which upheld has itself",
                code="practice",
                hint="give it another name",
            )
        own[each.name] = _loaded_practice(each)
    return tuple(own.items())


def _loaded_practice(installed: InstalledPractice) -> PracticeFactory:
    try:
        make: PracticeFactory = installed.entry_point.load()
    except (ImportError, AttributeError) as error:
        raise PracticeError(
            f"the practice `{installed.name}` of {installed.package} cannot be loaded: {error}",
            code="practice",
            hint=f"see `{installed.entry_point.value}` in that package",
        ) from error
    return make


def needs_of(
    practices: Sequence[tuple[str, PracticeFactory]] | None = None,
) -> dict[str, tuple[Need, ...]]:
    """What each practice needs of a policy, as its module says."""
    practices = all_practices() if practices is None else practices
    return {name: getattr(_module(make), "NEEDS", ()) for name, make in practices}


def provide(
    gate: AsyncGate,
    settings: Settings,
    practices: Sequence[tuple[str, PracticeFactory]] | None = None,
) -> Provider:
    """Bring the practices together around a gate: upheld's own and those that are installed."""
    practices = all_practices() if practices is None else practices
    front = gate.gate.context.policy.program.front
    imprint = Imprint(
        front.provider or front.policy,
        settings.phone,
        settings.contact,
        settings.postal_address,
        settings.webmail,
    )
    links: dict[str, list[Place]] = {}
    zone = gate.gate.context.clock.zone
    packages = {"notices": NOTICES, **{name: _package(make) for name, make in practices}}
    pages = Pages(
        imprint,
        packages,
        links,
        zone,
        PolicyAnswers(
            lambda name: name in clause_ids(gate.gate.context.policy),
            lambda question: can_ever(gate.gate.context.policy, question),
            lambda: signal_stops(gate.gate.context.policy),
        ),
    )
    pages.url = settings.url
    provider = Provider(gate, settings, imprint, pages)
    house = gate.gate.context
    house.provers.add("session", prove_signed_in)
    house.fields.country = settings.country
    house.file_comparisons.append(partial(terms.warn_of_file, file=settings.agreement))
    made_practices = [make(provider) for _, make in practices]
    for practice in made_practices:
        provider.events.declare(*practice.announces)
        sentences.add_sentences(practice.entry_sentences)
    for practice in made_practices:
        provider.practices.append(practice)
        for kind, (prover, reads) in practice.provers.items():
            registers = practice.prover_registers.get(kind, ())
            own_tables = practice.prover_tables.get(kind)
            entry = ProverEntry(prover, reads, registers=registers, own_tables=own_tables)
            house.provers.add_entry(kind, entry)
        _add_duties(house.duty_handlers, practice)
        for field, (reads, derive) in practice.derived_fields.items():
            house.derived.add(field, reads, derive)
        _add_erasure_hooks(house.erasure_hooks, practice)
        for field, carry in practice.carry_forward.items():
            house.carry_forwards.add(field, carry)
        for field, read in practice.field_readers.items():
            house.fields.add(field, read)
        for event, listener in practice.listeners.items():
            provider.events.subscribe(event, listener)
    for kind in ("customer", "staff", "agent", EVERYBODY):
        links[kind] = [
            Place(card.title, card.href, card.roles, card.needs, card.section, card.part)
            for card in provider.menu(kind, include_off=True)
            if card.bar or kind != EVERYBODY
        ]
    return provider


def _add_erasure_hooks(hooks: ErasureHooks, practice: Practice) -> None:
    """Take in what a practice does beside an erasure, and whom it leaves to one."""
    if practice.before_erasure:
        hooks.before.append(practice.before_erasure)
    if practice.before_erasures:
        hooks.before_many.append(practice.before_erasures)
    if practice.after_erasure:
        hooks.after.append(practice.after_erasure)
    if practice.left_to_erasure:
        hooks.waiting.append(practice.left_to_erasure)


def _add_duties(handlers: DutyHandlers, practice: Practice) -> None:
    """Let a practice carry out the duties that it names, of all acts or of one action alone."""
    for duty, carrier in practice.duty_handlers.items():
        handlers.add(duty, carrier, practice.duty_conditions.get(duty))
    for action, carriers in practice.action_duties.items():
        for duty, carrier in carriers.items():
            handlers.add_of_action(action, duty, carrier)
    handlers.of_arrivals.update(practice.arrival_duties)


def _package(make: PracticeFactory) -> str:
    """The package of a practice, in which its templates lie."""
    module = _module(make)
    return (module and module.__package__) or "upheld"


def _module(make: PracticeFactory) -> ModuleType | None:
    return inspect.getmodule(getattr(make, "func", make))


def provider_app(provider: Provider, policy: Policy, health: Health | None = None) -> Starlette:
    """The pages of a running provider under one policy, which the gate obeys from now on."""
    gate, settings = provider.gate.gate, provider.settings
    contact = f"mailto:{settings.contact}" if settings.contact else ""
    state = health or Health(provider)
    with observing.pause_notes():
        pages = PolicyPages(policy, provider.pages)
        live = LivePages(gate, pages, _stories(settings, policy))
        routes: list[BaseRoute] = policy_routes(policy, pages, contact, settings.url, state, live)
    routes += [route for each in provider.practices for route in each.routes]
    routes += draft_routes(provider)
    if not gate.context.edition:  # else the database says by which version the gate decides
        gate.context = gate.context.under(policy)
    return kit.application(
        routes,
        provider.pages.error_page,
        provider.report_changed_row,
        partial(identify_visitor, provider),
        [wrap for each in provider.practices for wrap in each.wrappers],
    )


def _stories(settings: Settings, policy: Policy) -> Mapping[str, str]:
    """Which clauses the provider's stories would miss, by the file that the settings name."""
    if settings.stories is None:
        return {}
    stories = read_stories(settings.stories, policy.digest)
    if not stories:
        logs.event("stories are of another version of the policy", file=settings.stories.name)
    return stories


def service_of(provider: Provider, path: Path, serving: Serving) -> Service:
    """The service of a running provider, which counts what its practices tell it to count."""
    health = Health(provider)
    gate = provider.gate.gate
    gate.take_first_version()
    terms.take_first(gate, provider.settings.agreement)
    service = Service(
        path,
        lambda policy: _loaded(provider, policy, health),
        serving,
        partial(PostedLive, gate=gate),
    )
    health.measure(service.metrics)
    provider.count = service.metrics.count
    return service


def _loaded(provider: Provider, policy: Policy, health: Health) -> Starlette:
    """The pages under a policy that was loaded; what it switches off, and breaks, is logged."""
    for off in find_switched_off(policy, needs_of()):
        logs.event("switched off by the policy", practice=off.practice, does=off.what, why=off.why)
    unkept = find_unkept(provider, policy)
    _LOG.warning("words of the policy that nothing here keeps: %d", len(unkept))
    for each in summary_lines(unkept):
        _LOG.warning("the policy promises what nothing here keeps: %s", each)
    return provider_app(provider, policy, health)


def told_off(policy: Policy) -> str:
    """What a policy switches off, a line each, for whoever starts a provider."""
    return "".join(
        f"switched off by the policy: {off}\n" for off in find_switched_off(policy, needs_of())
    )


def serve(provider: Provider, path: Path, serving: Serving, *, jobs: bool = True) -> None:
    """Serve a running provider until stopped, with its jobs beside it, and then close its gate."""
    serving = serving._replace(url=serving.url or provider.settings.url)
    service = service_of(provider, path, serving)
    name = provider.imprint.name
    host = f"[{serving.host}]" if ":" in serving.host else serving.host
    gate = provider.gate.gate
    signal.signal(signal.SIGTERM, _ended)
    running = start_jobs(gate, provider.settings, provider.jobs) if jobs else None
    try:
        off, lacks = told_off(gate.context.policy), missing(gate.context.policy)
        lines = f"{lacks}\n" if lacks else ""
        run_service(service, f"{off}{lines}{name}: http://{host}:{serving.port}\n")
    finally:
        if running is not None:
            running.stop()
        asyncio.run(provider.gate.close())


def _ended(*_: object) -> None:
    """End the process so that what must be closed is: the server raises its signal once more."""
    raise SystemExit(0)


def policy_of(settings: Settings) -> Path:
    """The policy that settings name; UpheldError where they name none."""
    if settings.policy is None:
        raise UpheldError(
            "the settings name no policy", code="settings", hint='add `policy = "policy.md"`'
        )
    return settings.policy
