"""The pages of choices: permissions and opt-outs, each as easily ended as it is made."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from upheld.core.company_names import company_name
from upheld.core.ids import PersonId
from upheld.database.columns import BEGINNING, microseconds
from upheld.gate.act.request import Act
from upheld.gate.evidence.records import Record
from upheld.gate.transaction import Transaction
from upheld.practice.ages import OFF_FOR_MINORS
from upheld.practice.endpoints import Visit, equal_secrets
from upheld.practice.events import CONSENT_WITHDRAWN
from upheld.practice.needs import can_ever
from upheld.practice.plugin import Provider
from upheld.practices.rights import choices, consent_record, objections, signals
from upheld.practices.rights.choices import Permission
from upheld.practices.rights.pages import policy_of
from upheld.practices.rights.sentences import clauses_in_force, label
from upheld.web import kit
from upheld.web.forms import EMPTY, Field, Filled, read

PAGE: Final = "/me/privacy/choices"
OPTS: Final = {"offers": (choices.OFFERS, "offers"), "advertising": (choices.ADVERTISING, "")}
DECIDES_NOTHING: Final = "The policy lets a permission decide nothing here. Choose another purpose."
TITLES: Final = {choices.OFFERS: "Offers", choices.ADVERTISING: "Personalised ads"}
CHOOSING: Final = Act(action="show-ad", data=("segment",), occasion="service-use")
CLAUSES: Final = ("permission", "offers", "advertising-opt-out", "privacy-signal")


class Choice(NamedTuple):
    """A record as it is shown."""

    id: str
    title: str
    at: datetime
    ended: datetime | None
    can_end: bool
    text: str
    digest: str
    is_guardians: bool


class Switch(NamedTuple):
    """Something that is on or off: what it is, how it stands and why, and what turns it round."""

    id: str
    title: str
    is_on: bool
    sentence: str
    target: str  # where its form is sent; empty where no form of ours turns it
    clause: str = ""


class ChoicePages:
    """Give, withdraw, opt out, opt in again."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    async def show(self, visit: Visit) -> Response:
        """Every choice and its record."""
        return await self._page(visit)

    async def _page(self, visit: Visit, filled: Filled = EMPTY, status: int = 200) -> Response:
        signal_now = kit.sends_signal(visit.request)

        def work(transaction: Transaction) -> dict[str, object]:
            person = visit.subject
            return {
                "fields": fields(transaction, person),
                "wards": self.provider.wards_of(transaction.tables, person),
                "asks": bool(choices.permission_options(transaction.policy).recipients),
                "switches": _switches(transaction, person, signal_now=signal_now),
                "records": [
                    shown_choice(transaction, each)
                    for each in choices.choice_records(transaction, person)
                ],
            }

        words = await self.provider.do(work)
        cited = {each.id: each for each in clauses_in_force(policy_of(self.provider), CLAUSES)}
        return self.provider.pages.page(
            visit.request,
            "rights/choices.html",
            status=status,
            filled=filled,
            cited=cited,
            objects=bool(objections.purposes(policy_of(self.provider))),
            **words,
        )

    async def give(self, visit: Visit) -> Response:
        """Show the text of a permission, and give it once that was agreed to."""
        policy = policy_of(self.provider)
        form_fields = await self.provider.do(lambda transaction: fields(transaction, visit.subject))
        filled = read(form_fields, visit.form)
        if not filled.ok:
            return await self._page(visit, filled, 422)
        grant = permission(filled.values)
        if not choices.decides(policy, grant):
            return await self._page(visit, filled.wrong("purpose", DECIDES_NOTHING), 422)
        if not await self.provider.do(
            lambda transaction: choices.of_age(transaction, visit.subject)
        ):
            problem = (
                "Until you are of age your parent or guardian gives permissions for you. They find"
                " that under Family."
            )
            return await self._page(visit, filled.wrong("data", problem), 422)
        wording = choices.text(policy, grant)
        agreement = visit.form.get("agreed", "")
        if not isinstance(agreement, str) or not equal_secrets(agreement, choices.digest(wording)):
            return self.provider.pages.page(
                visit.request,
                "rights/agree.html",
                wording=wording,
                digest=choices.digest(wording),
                values=filled.values,
                target=PAGE,
                cited=clauses_in_force(policy, ["permission"]),
            )
        await self.provider.do(lambda transaction: choices.give(transaction, visit.subject, grant))
        return RedirectResponse(PAGE, 303)

    async def withdraw(self, visit: Visit) -> Response:
        """Withdraw a permission or an objection: from the next act on it proves nothing."""
        record_id = visit.request.path_params["record"]

        def work(transaction: Transaction) -> bool:
            transaction.lock(visit.subject)
            mine = [
                each
                for each in choices.choice_records(transaction, visit.subject)
                if each.record_id == record_id and _withdrawable(each)
            ]
            for each in mine:
                if each.kind == objections.KIND:
                    for purpose in each.about.get("purpose", ()):
                        objections.take_back(transaction, visit.subject, purpose)
                else:
                    transaction.withdraw(visit.subject, record_id, actor="customer")
                    self.provider.events.announce(
                        transaction, CONSENT_WITHDRAWN, visit.subject, each.record_id
                    )
            return bool(mine)

        if not await self.provider.do(work):
            raise HTTPException(404)
        return RedirectResponse(PAGE, 303)

    async def opt(self, visit: Visit) -> Response:
        """Opt out of something, or in again."""
        what, way = visit.request.path_params["what"], visit.request.path_params["way"]
        if what not in OPTS or way not in ("out", "in"):
            raise HTTPException(404)
        fact, purpose = OPTS[what]

        def work(transaction: Transaction) -> None:
            choices.opt(transaction, visit.subject, fact, purpose, out=way == "out")
            if fact == choices.ADVERTISING and way == "in" and not kit.sends_signal(visit.request):
                signals.end(transaction, visit.subject)

        await self.provider.do(work)
        return RedirectResponse(f"{PAGE}#{what}", 303)

    async def end_signal(self, visit: Visit) -> Response:
        """Let the signal of earlier visits hold no longer; not while the browser still sends it."""
        if kit.sends_signal(visit.request):
            return self.provider.pages.page(
                visit.request,
                "rights/signal.html",
                status=409,
                cited=clauses_in_force(policy_of(self.provider), ["privacy-signal"]),
            )
        await self.provider.do(lambda transaction: signals.end(transaction, visit.subject))
        return RedirectResponse(f"{PAGE}#advertising", 303)

    async def download(self, visit: Visit) -> Response:
        """A record as JSON, by the fields of ISO/IEC TS 27560."""
        record_id = visit.request.path_params["record"]

        def work(transaction: Transaction) -> tuple[Record, str] | None:
            mine = [
                e
                for e in choices.choice_records(transaction, visit.subject)
                if e.record_id == record_id
            ]
            return (mine[0], transaction.text_shown(visit.subject, record_id)) if mine else None

        record_and_text = await self.provider.do(work)
        if record_and_text is None:
            raise HTTPException(404)
        document = consent_record.document(
            policy_of(self.provider),
            self.provider.imprint,
            self.provider.settings.url,
            *record_and_text,
        )
        return Response(
            json.dumps(document, ensure_ascii=False, indent=1),
            media_type=kit.JSON,
            headers={
                "content-disposition": f'attachment; filename="record-{record_id}.json"',
                "cache-control": "no-store",
            },
        )


def fields(transaction: Transaction, person_id: PersonId) -> tuple[Field, ...]:
    """The form of a permission: what of that which is held, to whom, for what."""
    policy, shapes = transaction.policy, transaction.held_fields(person_id)
    offered, parties = choices.permission_options(policy), choices.parties(transaction)
    recipients = [
        (f"{kind} {name}", f"{company_name(name)}, {label(policy, 'party', kind)}")
        for kind, name in parties
    ]
    kinds = tuple(dict.fromkeys(kind for kind, _ in parties))
    data = [(word, label(policy, "data", word)) for word in offered.data if word in shapes]
    purposes = [
        (word, label(policy, "purpose", word)) for word in choices.purposes_for(policy, kinds)
    ]
    return (
        Field(
            "data",
            "What may be shared",
            "checks",
            options=data,
            length_max=1_000,
            missing="Choose what may be shared.",
        ),
        Field(
            "recipient",
            "With whom",
            "select",
            options=recipients,
            length_max=300,
            missing="Choose who may receive it.",
        ),
        Field(
            "purpose", "What for", "select", options=purposes, missing="Choose what it may be for."
        ),
    )


def _switches(transaction: Transaction, person: PersonId, *, signal_now: bool) -> list[Switch]:
    """The choices that the policy lets somebody have, each as it stands."""
    policy, result = transaction.policy, []
    if can_ever(policy, "contact for offers"):
        result.append(_offers(transaction, person))
    if can_ever(policy, "show-ad"):
        result.append(_advertising(transaction, person, signal_now=signal_now))
    return result


def _offers(transaction: Transaction, person: PersonId) -> Switch:
    off = choices.opt_out_records(transaction, person, *OPTS["offers"])
    allowed = transaction.peek(person, Act(action="contact", purpose="offers")).allowed
    sentence = (
        f"We send you no offers.{_since_when(off)}"
        if off
        else "We may send you offers."
        if allowed
        else "You want offers, but our policy does not let us send you any at present."
    )
    target = f"{PAGE}/offers/{'in' if off else 'out'}"
    return Switch("offers", "Offers", not off, sentence, target, "offers")


def _advertising(transaction: Transaction, person: PersonId, *, signal_now: bool) -> Switch:
    off = choices.opt_out_records(transaction, person, *OPTS["advertising"])
    signalled = signal_now or bool(signals.in_force(transaction, person))
    target = f"{PAGE}/advertising/{'in' if off or signalled else 'out'}"
    if signal_now:
        sentence = (
            "Your browser sends a privacy signal (Global Privacy Control), and we obey it. While it"
            " is sent, it takes precedence over what you choose here."
        )
        target = ""
    elif off:
        sentence = f"We choose no advertisements by what we know about you.{_since_when(off)}"
    elif signalled:
        sentence = (
            "On an earlier visit your browser sent a privacy signal (Global Privacy Control). We"
            " obey it until you turn this on."
        )
        target = f"{PAGE}/signal"
    elif transaction.peek(person, CHOOSING).allowed:
        sentence = (
            "We may choose advertisements by what we know about you, but only if you are eighteen"
            " or older."
        )
    else:
        sentence = (
            "You have not turned this off, but our policy does not let us choose advertisements"
            " by what we know about you at present."
        )
    clause = "privacy-signal" if signalled and not off else "advertising-opt-out"
    is_on = not (off or signalled)
    return Switch("advertising", "Personalised ads", is_on, sentence, target, clause)


def _since_when(opt_outs: list[Record]) -> str:
    """Why something is off that its person did not turn off themselves."""
    by_default = all(each.how == OFF_FOR_MINORS for each in opt_outs)
    return " It was off from the start, because you were a minor then." if by_default else ""


def permission(values: dict[str, str]) -> Permission:
    """The permission that a form asks to give."""
    kind, _, name = values["recipient"].partition(" ")
    return Permission(tuple(values["data"].split(", ")), kind, name, values["purpose"])


def _withdrawable(record: Record) -> bool:
    return record.kind in (choices.CONSENT, choices.PROGRAMME, objections.KIND)


def shown_choice(transaction: Transaction, record: Record) -> Choice:
    """A record of a choice, as its page shows it."""
    policy, at = transaction.policy, microseconds(transaction.clock.now())
    text = transaction.text_shown(record.person_id, record.record_id) if record.text_digest else ""
    fact = policy.program.vocabulary.facts.get(record.fact)
    title = (
        text.partition(". ")[0].removesuffix(".")
        if text
        else (fact.label if fact else (record.kind.replace("-", " ")))
    )
    if record.kind == choices.OPT_OUT:
        why = " from the start, because you were a minor" if record.how == OFF_FOR_MINORS else ""
        title = f"{TITLES[record.fact]}: off{why}" if record.fact in TITLES else title
    elif record.about.get("purpose") and not text:
        words = ", ".join(label(policy, "purpose", word) for word in record.about["purpose"])
        title = f"{title}: {words}"
    end = record.withdrawn if record.withdrawn is not None else record.ends
    ended = end if end is not None and end <= at else None
    return Choice(
        record.record_id,
        title[:1].upper() + title[1:],
        _moment(record.valid_from),
        None if ended is None else _moment(ended),
        ended is None and _withdrawable(record),
        text,
        record.text_digest,
        record.by_whom != "customer" and record.kind in (choices.CONSENT, choices.PROGRAMME),
    )


def _moment(instant: int) -> datetime:
    return BEGINNING + timedelta(microseconds=instant)
