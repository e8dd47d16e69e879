"""The register of parties at the desk: managers put companies on it, name them, and end roles."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Final, NamedTuple
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.responses import Response

from upheld.core.company_names import company_name
from upheld.core.errors import UpheldError
from upheld.gate.transaction import Transaction
from upheld.policy.retelling import CUSTOMERS, about_person
from upheld.practice import parties, party_keys, party_mail, program_keys
from upheld.practice.consequences import (
    Banner,
    Confirmation,
    redirect_with_banner,
    require_confirmation,
    short_reference,
)
from upheld.practice.endpoints import Visit
from upheld.practice.labels import heading_of_customers
from upheld.practice.operators import MANAGER
from upheld.practice.parties import PartyError, PartyRole, Receiving
from upheld.practice.plugin import Provider
from upheld.web.forms import EMPTY, Field, Filled, read
from upheld.web.pages import format_day

HERE: Final = "/staff/parties"
NAME: Final = Field("name", "Name", hint="As people read it.", autocomplete="off")
NEW_NAME: Final = Field("new-name", "New name", autocomplete="off")
KEY: Final = Field(
    "key",
    "Public key",
    hint="Of age, as the company gave it to us: it begins with age1.",
    autocomplete="off",
    length_max=200,
)
PROGRAM_KEY: Final = Field(
    "program-key",
    "Public key of its programs",
    "textarea",
    required=False,
    hint="Ed25519 or P-256, as PEM. Leave it empty, and programs of this company have secrets.",
    length_max=1_000,
)
MAIL: Final = Field(
    "mail",
    "Address for mail",
    required=False,
    hint="As the company gave it to us. Leave it empty, and it gets no mail.",
    autocomplete="off",
)


class PartyContact(NamedTuple):
    """Where a company is written to, and the public keys that it gave us; empty for none."""

    key: str
    program_key: str
    mail: str


class PartyPages:
    """The pages of the register."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    def _label(self, role: str) -> str:
        return heading_of_customers(self.provider.policy, "party", role)

    def _receiving(self, role: str) -> Receiving:
        most = parties.receiving(self.provider.policy, role)
        return most._replace(data=tuple(about_person(each, CUSTOMERS) for each in most.data))

    def _place(self, word: str) -> str:
        term = self.provider.policy.program.vocabulary.tree("place").get(word)
        return term.label if term and term.label else word.replace("-", " ")

    @property
    def fields(self) -> tuple[Field, ...]:
        """What is asked of a company that is put on the register."""
        policy = self.provider.policy
        roles = [(word, self._label(word)) for word in parties.known_roles(policy)]
        places = [(word, self._place(word)) for word in parties.places(policy)]
        proof = Field(
            "proof",
            "Proof",
            "textarea",
            required=False,
            hint="What shows it, such as a contract and its date. Needed for a company of ours;"
            " only managers read it.",
            length_max=2_000,
        )
        where = Field("place", "Where they are", "select", required=False, options=places)
        return (
            NAME,
            Field("role", "What they are to us", "select", options=roles),
            Field("since", "Since", "date", required=False, hint="Today, if you leave it out."),
            Field("until", "Last day", "date", required=False, hint="Open, if you leave it out."),
            *([where] if places else []),
            proof,
        )

    async def show(self, visit: Visit, filled: Filled = EMPTY, status: int = 200) -> Response:
        """Everybody on the register, and the form to add somebody."""
        _manager(visit)
        roles, now = await self.provider.do(parties.roles), self.provider.now()
        return self.provider.pages.page(
            visit.request,
            "parties/register.html",
            status=status,
            roles=[each for each in roles if each.until is None or each.until > now],
            over=[each for each in roles if each.until is not None and each.until <= now],
            label=self._label,
            address=_address,
            fields=self.fields,
            filled=filled,
        )

    async def add(self, visit: Visit) -> Response:
        """Put a company on the register in a role."""
        actor = _manager(visit)
        filled = read(self.fields, visit.form)
        if not filled.ok:
            return await self.show(visit, filled, 422)
        values = filled.values

        def work(transaction: Transaction) -> PartyRole:
            return parties.add(
                transaction,
                values["name"],
                values["role"],
                since=_day(values.get("since")),
                until=_day(values.get("until")),
                proof=values.get("proof", ""),
                place=values.get("place", ""),
                actor=actor,
            )

        try:
            role = await self.provider.do(work)
        except PartyError as error:
            return await self.show(visit, filled.wrong("name", error.in_sentences()), 422)
        text = f"{role.name} is on the register: {self._label(role.role)}."
        banner = Banner(text, short_reference(role.record_id))
        return redirect_with_banner(self.provider, visit.session, _address(role.party), banner)

    async def show_one(self, visit: Visit, filled: Filled = EMPTY, status: int = 200) -> Response:
        """One company: what it is and was to us, with the proof; its name can be changed."""
        _manager(visit)

        def look(transaction: Transaction) -> tuple[str, list[tuple[PartyRole, str]], PartyContact]:
            party, tables = _party(transaction, visit), transaction.tables
            mine = parties.of_party(transaction, party)
            proofs = [(each, parties.proof_text(transaction, each)) for each in mine]
            contact = PartyContact(
                party_keys.find(tables, party),
                program_keys.find(tables, party),
                party_mail.find(tables, party),
            )
            return party, proofs, contact

        party, roles, contact = await self.provider.do(look)
        now = self.provider.now()
        return self.provider.pages.page(
            visit.request,
            "parties/party.html",
            status=status,
            name=company_name(party),
            party=party,
            here_=_address(party),
            roles=roles,
            live=[each for each, _ in roles if each.until is None or each.until > now],
            label=self._label,
            place=self._place,
            receiving=self._receiving,
            fields=(NEW_NAME, KEY, PROGRAM_KEY, MAIL),
            contact=contact,
            filled=filled,
        )

    async def rename(self, visit: Visit) -> Response:
        """Call a company by another name."""
        return await self._put(
            visit,
            NEW_NAME,
            parties.rename,
            lambda party, _: f"It is called {company_name(party)} now.",
        )

    async def put_key(self, visit: Visit) -> Response:
        """Let files for a company be encrypted to a public key of its own."""
        text = "Files for it are encrypted to this key now."
        return await self._put(visit, KEY, party_keys.put, lambda *_: text)

    async def put_program_key(self, visit: Visit) -> Response:
        """Let programs of a company prove by a key of its own who they are."""
        return await self._put(
            visit,
            PROGRAM_KEY,
            program_keys.put,
            lambda _, key: (
                f"Its programs prove by {'this key' if key else 'secrets'} who they are now."
            ),
        )

    async def put_mail(self, visit: Visit) -> Response:
        """Let mail to a company go to an address."""
        return await self._put(
            visit,
            MAIL,
            party_mail.put,
            lambda _, mail: (
                "Mail to it goes to this address now." if mail else "It gets no mail now."
            ),
        )

    async def _put(
        self,
        visit: Visit,
        field: Field,
        put: Callable[..., object],
        says: Callable[[str, str], str],
    ) -> Response:
        """Change one thing that is said of a company: back to its page, or to what is wrong."""
        actor = _manager(visit)
        filled = read((field,), visit.form)
        value = filled.values.get(field.name, "")

        def work(transaction: Transaction) -> str:
            party = _party(transaction, visit)
            if filled.ok:
                put(transaction, party, value, actor=actor)
            return party

        try:
            party = await self.provider.do(work)
        except UpheldError as error:
            return await self.show_one(visit, filled.wrong(field.name, error.in_sentences()), 422)
        if not filled.ok:
            return await self.show_one(visit, filled, 422)
        banner = Banner(says(party, value), short_reference(party))
        return redirect_with_banner(self.provider, visit.session, _address(party), banner)

    async def end(self, visit: Visit) -> Response:
        """End a role of a company, once that was confirmed."""
        actor, role = _manager(visit), _text(visit, "role")

        def work(transaction: Transaction) -> str:
            party = _party(transaction, visit)
            now = transaction.clock.now()
            live = [
                each
                for each in parties.of_party(transaction, party)
                if each.role == role and (each.until is None or each.until > now)
            ]
            if not live:
                raise HTTPException(404)
            question = _end_confirmation(live[0], self._label)
            require_confirmation(self.provider, transaction.tables, visit, question)
            parties.end(transaction, party, role, actor=actor)
            return party

        party = await self.provider.do(work)
        text = f"{company_name(party)} is this to us no longer: {self._label(role)}."
        banner = Banner(text, short_reference(party))
        return redirect_with_banner(self.provider, visit.session, _address(party), banner)


def _end_confirmation(role: PartyRole, label: Callable[[str], str]) -> Confirmation:
    """What it means that a company is something to us no longer."""
    here = _address(role.party)
    consequences = [
        f"{role.name} is on the register as this since {format_day(role.since)}.",
        "From now on nothing more goes to it that this role allowed.",
        "Whoever works for it can still sign in, to confirm what has to be deleted.",
        "What was disclosed until now stays in the accounting of each customer.",
    ]
    return Confirmation(
        f"End what {role.name} is to us: {label(role.role)}?",
        consequences,
        f"{here}/end",
        "End it",
        here,
        {"role": role.role},
        grave=True,
    )


def _manager(visit: Visit) -> str:
    """Whoever manages, as an entry names them; 403 for everybody else."""
    if visit.user is None or MANAGER not in visit.user.roles:
        raise HTTPException(403)
    return f"staff {visit.user.user_id}"


def _party(transaction: Transaction, visit: Visit) -> str:
    """The company of a page's address; 404 where the register has none of that word."""
    party: str = visit.request.path_params["party"]
    if party not in {each.party for each in parties.roles(transaction)}:
        raise HTTPException(404)
    return party


def _address(party: str) -> str:
    return f"{HERE}/{quote(party, safe='')}"


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _text(visit: Visit, name: str) -> str:
    value = visit.form.get(name, "")
    return value if isinstance(value, str) else ""
