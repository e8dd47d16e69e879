"""Agreements at the desk: managers draft them, sign for us, take in signatures, withdraw."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Final, NamedTuple

from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response

from upheld.core.company_names import company_name
from upheld.core.errors import UpheldError
from upheld.core.ids import AgreementId, UserId
from upheld.core.reason_text import reason_text
from upheld.database.own_tables import Tables
from upheld.gate.transaction import Transaction
from upheld.policy.analyse.contains import PARTNER, Containment
from upheld.policy.load import Policy
from upheld.practice import parties
from upheld.practice.consequences import (
    Banner,
    Confirmation,
    redirect_with_banner,
    require_confirmation,
    short_reference,
)
from upheld.practice.endpoints import Visit
from upheld.practice.labels import label_of_customers
from upheld.practice.operators import MANAGER
from upheld.practice.plugin import PendingAction, Provider
from upheld.practices.agreements import agreements, checks, news, offers, pulls, signatures, terms
from upheld.practices.agreements.agreements import PartnerAgreement
from upheld.practices.agreements.terms import AgreementError
from upheld.web.forms import EMPTY, Field, Filled, read
from upheld.web.pages import KEEP_OUT, format_day
from upheld.web.uploads import uploaded

HERE: Final = "/staff/agreements"
CLAUSE: Final = "trusted-partners"
STATES: Final = {
    agreements.DRAFT: "not signed by both sides yet",
    agreements.SIGNED: "signed by both sides",
    agreements.SUSPENDED: "suspended",
    agreements.WITHDRAWN: "withdrawn",
    agreements.LAPSED: "lapsed",
}
KEY: Final = Field(
    "key", "Their public key", "textarea", length_max=1_000, hint="Ed25519, as Base64 or PEM."
)
SIGNATURE: Final = Field(
    "signature", "Their signature", "textarea", length_max=1_000, hint="As Base64."
)
REASON: Final = Field(
    "reason",
    "Why it is withdrawn",
    length_max=agreements.REASON_MAX,
    check=reason_text,
    missing="Write why it is withdrawn.",
)


class AgreementView(NamedTuple):
    """An agreement with what its page needs."""

    agreement: PartnerAgreement
    terms: Policy
    compared: Containment
    key: bytes
    names: dict[str, str]
    offered: tuple[str, ...]  # what its program would get of each customer for offers, in words


class PartnerAgreementPages:
    """The list of agreements, each of them, and what is done with it."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    def pending(self, tables: Tables) -> list[PendingAction]:
        """Tells managers of agreements that end or no longer fit, and that wait for our yes."""
        results = [
            PendingAction(each.text, "See it", _address(each.agreement.agreement_id))
            for each in news.for_us(tables, self.provider.now())
        ]
        return results + [
            PendingAction(
                f"{each.partner} has signed an agreement that waits for our signature.",
                "See it",
                _address(each.agreement_id),
            )
            for each in agreements.agreements(tables)
            if each.state == agreements.DRAFT and each.their_signature
        ]

    async def show_all(self, visit: Visit) -> Response:
        """Every agreement, and the form for another one; with a draft of its text if asked."""
        _manager(visit)
        party, text, problem = visit.request.query_params.get("partner", ""), "", ""
        if party:
            try:
                name = company_name(party)
                text = await self.provider.run_in_thread(terms.drafted, self.provider.policy, name)
            except UpheldError as error:
                problem = error.in_sentences()
        chosen = EMPTY._replace(shown={"partner": party})
        return await self._list(visit, filled=chosen, pasted=text, problem=problem)

    async def _list(
        self,
        visit: Visit,
        *,
        filled: Filled = EMPTY,
        pasted: str = "",
        problem: str = "",
        status: int = 200,
    ) -> Response:
        def look(transaction: Transaction) -> tuple[list[PartnerAgreement], tuple[Field, ...]]:
            return agreements.agreements(transaction.tables), _fields(transaction)

        every, fields = await self.provider.do(look)
        return self.provider.pages.page(
            visit.request,
            "agreements/all.html",
            status=status,
            agreements=every,
            states=STATES,
            address=_address,
            fields=fields,
            filled=filled,
            pasted=pasted,
            problem=problem,
            clause=CLAUSE,
        )

    async def add(self, visit: Visit) -> Response:
        """Keep a draft of what was sent, or say what is wrong with it."""
        user = _manager(visit)
        raw, pasted = await uploaded(visit.form)
        fields = await self.provider.do(_fields)
        filled = read(fields, visit.form)
        if not filled.ok:
            return await self._list(visit, filled=filled, pasted=pasted, status=422)
        values, gate = filled.values, self.provider.gate.gate
        since = values.get("since")

        def work(transaction: Transaction) -> PartnerAgreement:
            return agreements.add(
                transaction,
                values["partner"],
                text,
                by=user,
                since=date.fromisoformat(since) if since else None,
                until=date.fromisoformat(values["until"]),
            )

        try:
            text = await self.provider.run_in_thread(terms.read_terms, raw, gate.policy)
            await self.provider.run_in_thread(checks.examine, gate, text)
            agreement = await self.provider.do(work)
        except UpheldError as error:
            if not isinstance(error, AgreementError | parties.PartyError):
                raise
            problem = error.in_sentences()
            return await self._list(
                visit, filled=filled, pasted=pasted, problem=problem, status=422
            )
        return self._done(visit, agreement, "The draft is kept. Both sides can sign it now.")

    async def show(
        self, visit: Visit, filled: Filled = EMPTY, problem: str = "", status: int = 200
    ) -> Response:
        """One agreement: its text, how it stands beside the policy, and its signatures."""
        _manager(visit)
        view = await self.provider.do(lambda transaction: _view(transaction, visit))
        return self.provider.pages.page(
            visit.request,
            "agreements/one.html",
            status=status,
            view=view,
            one=view.agreement,
            state=STATES[view.agreement.state],
            address=_address(view.agreement.agreement_id),
            encode=signatures.encode,
            fields=(KEY, SIGNATURE, REASON),
            filled=filled,
            problem=problem,
            clause=CLAUSE,
        )

    async def statement(self, visit: Visit) -> Response:
        """What both sides sign, as a file."""
        _manager(visit)
        agreement = await self.provider.do(lambda transaction: _find(transaction, visit))
        return PlainTextResponse(agreement.statement, headers=KEEP_OUT)

    async def keep_key(self, visit: Visit) -> Response:
        """Keep the key by which the partner signs."""
        user, filled = _manager(visit), read((KEY,), visit.form)
        if not filled.ok:
            return await self.show(visit, filled, status=422)

        def work(transaction: Transaction) -> PartnerAgreement:
            agreement = _find(transaction, visit)
            agreements.keep_key(transaction, agreement.party, filled.values["key"], by=user)
            return agreement

        return await self._do(visit, work, filled, "key", "Their key is kept.")

    async def sign(self, visit: Visit) -> Response:
        """Sign for us, once that was confirmed."""
        user = _manager(visit)

        def look(transaction: Transaction) -> Policy:
            return terms.load(transaction.tables, _find(transaction, visit).digest)

        def work(transaction: Transaction) -> PartnerAgreement:
            agreement = _find(transaction, visit)
            question = _signing(agreement)
            if agreement.state == agreements.DRAFT and not agreement.our_signature:
                require_confirmation(self.provider, transaction.tables, visit, question)
            return agreements.sign(transaction, agreement.agreement_id, by=user)

        text = await self.provider.do(look)
        try:
            gate = self.provider.gate.gate
            await self.provider.run_in_thread(checks.examine, gate, text)
        except AgreementError as error:
            return await self.show(visit, problem=error.in_sentences(), status=422)
        return await self._do(visit, work, EMPTY, "", "You signed it for us.")

    async def accept(self, visit: Visit) -> Response:
        """Take in the partner's signature."""
        user, filled = _manager(visit), read((SIGNATURE,), visit.form)
        if not filled.ok:
            return await self.show(visit, filled, status=422)

        def work(transaction: Transaction) -> PartnerAgreement:
            return agreements.accept(
                transaction,
                _find(transaction, visit).agreement_id,
                filled.values["signature"],
                actor=f"staff {user}",
            )

        return await self._do(visit, work, filled, "signature", "Their signature is kept.")

    async def withdraw(self, visit: Visit) -> Response:
        """Withdraw an agreement, once that was confirmed."""
        user, filled = _manager(visit), read((REASON,), visit.form)
        if not filled.ok:
            return await self.show(visit, filled, status=422)

        def work(transaction: Transaction) -> PartnerAgreement:
            agreement = _find(transaction, visit)
            reason = filled.values["reason"]
            question = _withdrawing(agreement, reason)
            if agreement.state not in (agreements.WITHDRAWN, agreements.LAPSED):
                require_confirmation(self.provider, transaction.tables, visit, question)
            return agreements.withdraw(transaction, agreement.agreement_id, reason, by=user)

        return await self._do(visit, work, filled, "reason", "It is withdrawn.")

    async def _do(
        self,
        visit: Visit,
        work: Callable[[Transaction], PartnerAgreement],
        filled: Filled,
        field: str,
        text: str,
    ) -> Response:
        """Do one step, and lead back to the agreement; what is wrong stands at its field."""
        try:
            agreement = await self.provider.do(work)
        except AgreementError as error:
            if not field:
                return await self.show(visit, problem=error.in_sentences(), status=422)
            return await self.show(visit, filled.wrong(field, error.in_sentences()), status=422)
        return self._done(visit, agreement, text)

    def _done(self, visit: Visit, agreement: PartnerAgreement, text: str) -> Response:
        banner = Banner(text, short_reference(agreement.agreement_id))
        path = _address(agreement.agreement_id)
        return redirect_with_banner(self.provider, visit.session, path, banner)


def _fields(transaction: Transaction) -> tuple[Field, ...]:
    """What is asked of an agreement beside its text."""
    partners = [(each, company_name(each)) for each in parties.in_role(transaction, PARTNER)]
    return (
        Field("partner", "With whom", "select", options=partners),
        Field("since", "First day", "date", required=False, hint="Today, if you leave it out."),
        Field("until", "Last day", "date"),
    )


def _view(transaction: Transaction, visit: Visit) -> AgreementView:
    agreement, tables = _find(transaction, visit), transaction.tables
    text = terms.load(tables, agreement.digest)
    return AgreementView(
        agreement,
        text,
        terms.compare(text, transaction.policy),
        agreements.key_of(tables, agreement.party),
        agreements.names(tables),
        tuple(
            label_of_customers(transaction.policy, "data", each)
            for each in pulls.allowed_fields(transaction, agreement.party, offers.PURPOSE)
        ),
    )


def _find(transaction: Transaction, visit: Visit) -> PartnerAgreement:
    """The agreement of a page's address; 404 where there is none."""
    agreement = agreements.find(transaction.tables, visit.request.path_params["agreement"])
    if agreement is None:
        raise HTTPException(404)
    return agreement


def _signing(agreement: PartnerAgreement) -> Confirmation:
    """What it means that we sign."""
    here = _address(agreement.agreement_id)
    return Confirmation(
        f"Sign the agreement with {agreement.partner} for us?",
        (
            f"{agreement.partner} may receive what it covers once both sides have signed it.",
            f"Its term is over on {format_day(agreement.ends)}.",
            "You are named as who signed it for us.",
            f"Its terms, by their digest: {agreement.digest}",
        ),
        f"{here}/sign",
        "Sign it",
        here,
    )


def _withdrawing(agreement: PartnerAgreement, reason: str) -> Confirmation:
    """What it means that an agreement is withdrawn."""
    here = _address(agreement.agreement_id)
    return Confirmation(
        f"Withdraw the agreement with {agreement.partner}?",
        (
            "From now on nothing more goes to them under it.",
            "It cannot be put in force again: another one has to be drafted and signed.",
            "What was disclosed until now stays in the accounting of each customer.",
            f"Why: {reason}",
        ),
        f"{here}/withdraw",
        "Withdraw it",
        here,
        {"reason": reason},
        grave=True,
    )


def _manager(visit: Visit) -> UserId:
    """The id of whoever manages; 403 for everybody else."""
    if visit.user is None or MANAGER not in visit.user.roles:
        raise HTTPException(403)
    return visit.user.user_id


def _address(agreement_id: AgreementId) -> str:
    return f"{HERE}/{agreement_id}"
