"""The pages of signing up: the birth date alone, then what the policy lets us ask, then a message.

A birth date is asked first where the policy hangs on an age, and kept nowhere until its person has
signed up: it goes back into the form. Whoever is refused is told why, by the decision's own
clauses, and of them nothing is kept.
"""

from __future__ import annotations

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from upheld.core.ids import PersonId
from upheld.gate.act.request import Refused
from upheld.gate.evidence.field_values import birth_date
from upheld.gate.transaction import Transaction
from upheld.policy.request import Decision
from upheld.practice import invitations, message_limits
from upheld.practice.admission import Admission, admission
from upheld.practice.citations import quote_clauses
from upheld.practice.endpoints import network_of
from upheld.practice.form_values import with_check
from upheld.practice.invitations import Invitation
from upheld.practice.plugin import Provider
from upheld.practice.reasons import refusal_page, refusal_reason
from upheld.practices.accounts import age_marker, domain
from upheld.practices.accounts.registration import (
    Applicant,
    age_of,
    note_refusal,
    register,
    starts_as_minor,
)
from upheld.practices.accounts.registration_form import (
    CHOICES,
    PASSWORD,
    RegistrationForm,
    registration_form,
)
from upheld.practices.accounts.terms import Agreement
from upheld.web import passwords, sessions
from upheld.web.date_fields import divided
from upheld.web.forms import EMPTY, Field, Filled, read

TOO_MANY_TRIES = "There were too many tries from where you are. Wait a few minutes, then try again."
LIMITED = "limited"
OTHER_TERMS = "other-terms"
TERMS_CHANGED = (
    "The Master Terms changed while this page was open. Read them again, then accept them."
)
NOTHING_KEPT = "Nothing was kept of what you sent."
CODE = Field(
    "code",
    "Code",
    length_max=40,
    hint="It has five groups of four letters and digits.",
    autocomplete="off",
)
HIDDEN = Field("invitation", "Invitation", "hidden", required=False, length_max=64)
TERMS = Field("terms", "Terms", "hidden", required=False, length_max=64)


class SignUp:
    """The pages of signing up."""

    def __init__(self, provider: Provider, agreement: Agreement) -> None:
        self.provider, self.agreement = provider, agreement
        self.birth = Field(
            "birth-date",
            "Your birth date",
            "date",
            autocomplete="bday",
            hint="For example, 27 3 1990.",
            missing="Enter your birth date.",
            check=self._check_birth_date,
        )
        label = "I have read the privacy policy" + (
            " and the Master Terms, and accept both." if agreement.path else ", and accept it."
        )
        self.accept = Field("accept", label, "tick", length_max=3, options=[("yes", "")])

    @property
    def registration(self) -> RegistrationForm:
        """What the policy in force lets us ask."""
        policy = self.provider.policy
        words = policy.engine.compiled.leaves["data"].bit
        return registration_form(policy, derived=self.provider.gate.gate.derived_of(words))

    @property
    def admission(self) -> Admission:
        """Whom the policy in force lets us serve who is new here."""
        return admission(self.provider.policy)

    def _check_birth_date(self, text: str) -> str:
        return birth_date(text, self.provider.today())

    def _age(self, born: str) -> int | None:
        return age_of(born, self.provider.today()) if born else None

    async def gate_page(
        self, request: Request, filled: Filled = EMPTY, status: int = 200, invitation: str = ""
    ) -> Response:
        """The first page: it asks for the birth date alone, or for all where no age matters."""
        if not (self.registration.works and self.admission.is_open):
            return self._closed_page(request)
        if not self.admission.asks_age:
            return await self.form_page(request, code=invitation)
        return self.provider.pages.page(
            request,
            "accounts/age.html",
            status=status,
            fields=[self.birth],
            filled=filled,
            invitation=invitation,
            because=self.admission.refusing_clauses,
            minors=self.admission.takes_minors,
        )

    async def show(self, request: Request) -> Response:
        """The first page."""
        if self._is_marked(request):
            return self._too_young_page(request)
        return await self.gate_page(request)

    def _is_marked(self, request: Request) -> bool:
        """Whether a birth date was refused in this browser, and ages still matter."""
        return self.admission.asks_age and age_marker.is_marked(self.provider, request)

    def _too_young_page(
        self, request: Request, decision: Decision | None = None, age: int | None = None
    ) -> Response:
        """The page for whoever was refused by their age, now or before in this browser."""
        policy = self.provider.policy
        why = None if decision is None else refusal_reason(policy, decision)
        response = self.provider.pages.page(
            request,
            "accounts/not-yet.html",
            status=403,
            hours=age_marker.HOURS,
            why=why,
            from_age=None if age is None else self.admission.from_age(age),
            quotes=why.quotes if why else quote_clauses(policy, self.admission.refusing_clauses),
        )
        if decision is not None:
            age_marker.set_marker(self.provider, response)
        return response

    def _closed_page(self, request: Request) -> Response:
        """The page that says that nobody can sign up, and what stands against it."""
        policy = self.provider.policy
        return self.provider.pages.page(
            request,
            "accounts/closed.html",
            status=503,
            lacks=self.registration.lacks,
            why=refusal_reason(policy, self.admission.any_age),
        )

    async def return_page(self, request: Request, form: FormData) -> Response:
        """The page for somebody whose guardian was asked: their birth date, and the code."""
        if not self.admission.takes_minors:
            return RedirectResponse("/sign-up", 303)
        fields = [CODE, self.birth]
        if self._is_marked(request):
            return self._too_young_page(request)
        if request.method == "GET":
            return self._back_page(request, fields, EMPTY, 200)
        filled = read(fields, form)
        if not filled.ok:
            return self._back_page(request, fields, filled, 422)
        if await self._is_limited(request):
            return self._back_page(request, fields, filled.wrong("code", TOO_MANY_TRIES), 429)
        code = filled.values["code"]
        invitation = await self._find_invitation(code)
        if invitation is None:
            problem = "This code is not one of ours, or its fourteen days are over."
            return self._back_page(request, fields, filled.wrong("code", problem), 422)
        if invitation.state != invitations.ACCEPTED:
            problem = (
                "Your parent or guardian has not finished yet, or we still check who they are."
            )
            return self._back_page(request, fields, filled.wrong("code", problem), 409)
        return await self.form_page(
            request, self._with_birth_date(filled.values["birth-date"]), code=code
        )

    def _back_page(
        self, request: Request, fields: list[Field], filled: Filled, status: int
    ) -> Response:
        return self.provider.pages.page(
            request, "accounts/come-back.html", status=status, fields=fields, filled=filled
        )

    async def _find_invitation(self, code: str) -> Invitation | None:
        """The invitation of a code, or of a link into a household."""
        at = self.provider.now()

        def looks(transaction: Transaction) -> Invitation | None:
            contact = sessions.looked_at(transaction.tables, invitations.HOUSEHOLD, code, at)
            if contact:
                return invitations.find_by_contact(transaction.tables, PersonId(contact), at)
            invitation = invitations.find_by_code(transaction.tables, code, at)
            return invitation if invitation and invitation.kind == invitations.GUARDIAN else None

        return await self.provider.do(looks) if code else None

    def _with_birth_date(self, born: str) -> Filled:
        return Filled({}, {}, divided("birth-date", born))

    async def send_age(self, request: Request, form: FormData) -> Response:
        """Lead somebody on by their age: to the form, to their guardian, or kindly away."""
        provider = self.provider
        if self._is_marked(request):
            return self._too_young_page(request)
        filled = read([self.birth, HIDDEN], form)
        invitation = filled.shown["invitation"]
        if not (self.admission.asks_age and self.registration.works):
            return await self.gate_page(request, invitation=invitation)
        if not filled.ok:
            return await self.gate_page(request, filled, 422, invitation)
        born = filled.values["birth-date"]
        age = self._age(born)
        decision = self.admission.decision_at(age)
        if self.admission.needs_guardian(decision):
            return RedirectResponse("/sign-up/guardian", 303)
        if not decision.allowed:
            return await self._refuse(request, decision, age)
        if invitation and await self._find_invitation(invitation) is None:
            return provider.pages.page(request, "accounts/link-over.html", status=410)
        return await self.form_page(request, self._with_birth_date(born), code=invitation)

    async def _refuse(self, request: Request, decision: Decision, age: int | None) -> Response:
        network = network_of(request)

        def work(transaction: Transaction) -> bool:
            if message_limits.too_many_refusals(self.provider, transaction, network):
                return False  # before the entry, which stays for good
            note_refusal(transaction, decision)
            return True

        if not await self.provider.do(work):
            return await self.gate_page(request, EMPTY.wrong("birth-date", TOO_MANY_TRIES), 429)
        return self._too_young_page(request, decision, age)

    async def form_page(
        self, request: Request, filled: Filled = EMPTY, status: int = 200, code: str = ""
    ) -> Response:
        """The form: what the policy lets us ask, and what is accepted with it."""
        registration = self.registration
        if not (registration.works and self.admission.is_open):
            return self._closed_page(request)
        minor = self._is_minor(filled)
        return self.provider.pages.page(
            request,
            "accounts/sign-up.html",
            status=status,
            fields=tuple(
                each for each in registration.fields if not (minor and each.name == CHOICES)
            ),
            off_for_minors=minor and CHOICES in registration.names,
            accept=self.accept,
            filled=filled,
            later=registration.later,
            quotes=registration.clauses,
            invitation=code,
            agreement=bool(self.agreement.path),
            terms=await self.provider.read(self.agreement.digest),
        )

    def _is_minor(self, filled: Filled) -> bool:
        """Whether the birth date in a form is that of a minor."""
        policy, today = self.provider.policy, self.provider.today()
        born = read([self.birth], filled.shown).values
        return starts_as_minor(policy, born, today)

    async def send(self, request: Request, form: FormData) -> Response:
        """Register somebody, and tell everybody the same."""
        if self._is_marked(request):
            return self._too_young_page(request)
        return await self._send(request, form)

    async def _send(self, request: Request, form: FormData) -> Response:
        provider, registration = self.provider, self.registration
        if not (registration.works and self.admission.is_open):
            return self._closed_page(request)
        fields = [with_check(self.provider, each.name, each) for each in registration.fields]
        filled = read([*fields, self.accept, HIDDEN, TERMS], form)
        code = filled.shown["invitation"]
        if why := self._weak(filled):
            filled = filled.wrong(PASSWORD, why)
        if not filled.ok:
            return await self.form_page(request, filled, 422, code)
        if await self._is_limited(request):
            return await self.form_page(request, filled.wrong("email", TOO_MANY_TRIES), 429, code)
        invitation = await self._find_invitation(code)
        if code and (invitation is None or invitation.state != invitations.READY[invitation.kind]):
            return provider.pages.page(request, "accounts/link-over.html", status=410)
        asks_age = self.admission.asks_age
        age = self._age(filled.values.get("birth-date", "")) if asks_age else None
        decision = self.admission.decision_at(age)
        minor = self.admission.needs_guardian(decision)
        if minor and (invitation is None or invitation.kind != invitations.GUARDIAN):
            return RedirectResponse("/sign-up/guardian", 303)
        if not minor and not decision.allowed:
            return await self._refuse(request, decision, age)
        if invitation and invitation.kind == invitations.GUARDIAN and not minor:
            invitation = None  # of age meanwhile: they need nobody's leave
        values = {
            each.name: filled.values[each.name]
            for each in fields
            if each.name in filled.values and each.name != PASSWORD
        }
        secret = await provider.run_in_thread(passwords.hashed, filled.values[PASSWORD])
        chose = CHOICES in registration.names
        applicant = Applicant(values, secret, filled.shown["terms"], invitation, chose)
        result = await provider.attempt(
            lambda transaction: self._join(transaction, applicant, code)
        )
        return await self._joined_page(request, result, filled, code)

    async def _joined_page(
        self, request: Request, result: str | Refused | None, filled: Filled, code: str
    ) -> Response:
        """What somebody is shown once `_join` is done."""
        if isinstance(result, Refused):
            return refusal_page(self.provider, request, result, note=NOTHING_KEPT)
        if result == LIMITED:
            return await self.form_page(request, filled.wrong("email", TOO_MANY_TRIES), 429, code)
        if result == OTHER_TERMS:
            return await self.form_page(request, filled.wrong("accept", TERMS_CHANGED), 409, code)
        if result is None:
            return self.provider.pages.page(request, "accounts/link-over.html", status=410)
        return RedirectResponse("/sign-up/sent", 303)

    def _join(self, transaction: Transaction, applicant: Applicant, code: str) -> str | None:
        """Register somebody; None where they came by an invitation that is over by now.

        Before anything is used up or written, LIMITED where their address got many messages, and
        OTHER_TERMS where the form showed other terms than those in force.
        """
        in_force = self.agreement.digest(transaction.tables)
        if (applicant.agreement or in_force) != in_force:
            return OTHER_TERMS
        applicant = applicant._replace(agreement=in_force)
        if message_limits.too_many_to(
            self.provider, transaction, "sign-up", applicant.values["email"]
        ):
            return LIMITED
        invited = applicant.invitation
        if invited and invited.kind == invitations.HOUSEHOLD:
            if not domain.has_place(transaction, invited.inviter):
                return None
            if not sessions.redeem(transaction.tables, invited.kind, code, self.provider.now()):
                return None
        return register(self.provider, transaction, applicant)

    def _weak(self, filled: Filled) -> str:
        values = filled.values
        if PASSWORD not in values:
            return ""
        return passwords.refused(
            values[PASSWORD],
            (values.get("name", ""), values.get("email", ""), self.provider.imprint.name),
        )

    async def _is_limited(self, request: Request) -> bool:
        network = network_of(request)
        return await self.provider.do(
            lambda transaction: message_limits.too_many_from(
                self.provider, transaction, "sign-up", network
            )
        )

    async def sent_page(self, request: Request) -> Response:
        """What everybody is told who sent the form."""
        return self.provider.pages.page(request, "accounts/sent.html")

    async def verify(self, request: Request, form: FormData) -> Response:
        """Confirm an address: a button first, since programs open links too."""
        del form
        raw, at, provider = request.path_params["link"], self.provider.now(), self.provider
        if request.method == "GET":
            person_id = await provider.read(
                lambda tables: sessions.looked_at(tables, "verify", raw, at)
            )
            page = "accounts/verify.html" if person_id else "accounts/link-over.html"
            return provider.pages.page(request, page, status=200 if person_id else 410)
        if not await provider.do(lambda transaction: self._confirm(transaction, raw)):
            return provider.pages.page(request, "accounts/link-over.html", status=410)
        return RedirectResponse("/sign-in?said=confirmed", 303)

    def _confirm(self, transaction: Transaction, raw: str) -> bool:
        """Confirm the account of a link, unless somebody else confirmed its address before."""
        subject = sessions.redeem(transaction.tables, "verify", raw, self.provider.now())
        if subject is None:
            return False
        person = PersonId(subject)
        account = domain.account_of(transaction.tables, person)
        if account is None or account.state == domain.CLOSED:
            return False
        if account.state == domain.UNVERIFIED and not domain.is_alone_at_address(
            transaction, person
        ):
            return False
        domain.verify(transaction, person)
        return True
