"""Signing in and out: by e-mail address and password, limited, the same for whoever is not there.

The password's hash is a value in the vault and read through the gate, for the purpose of security.
Who is not there costs as much time as who is, and is told the same.
"""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from upheld.gate.joint import Joint
from upheld.gate.request import Refused
from upheld.practice import credentials
from upheld.practice.brings import Provider
from upheld.practice.visits import Visit, enter, leave
from upheld.practices.accounts import domain
from upheld.vault import blind_index
from upheld.web import passwords, sessions
from upheld.web.forms import EMPTY, Field, Filled, read
from upheld.web.limits import SIGN_IN_ACCOUNT, SIGN_IN_ADDRESS

FIELDS = (
    Field("email", "E-mail address", "email", autocomplete="username", length_max=254),
    Field("password", "Password", "password", autocomplete="current-password", length_max=200),
)
WRONG = "E-mail address or password is not right, or the address is not confirmed yet."
LATER = "There were too many tries. Wait a few minutes, then try again."


class SignIn:
    """The pages of signing in and out."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    def page(self, request: Request, filled: Filled = EMPTY, status: int = 200) -> Response:
        """The form."""
        return self.provider.pages.page(
            request, "accounts/sign-in.html", fields=FIELDS, filled=filled, status=status,
            destination=self._word(request.query_params.get("destination", "")),
        )  # fmt: skip

    def _word(self, told: str) -> str:
        return told if told in self.provider.destinations else ""

    async def show(self, request: Request) -> Response:
        """The form, empty."""
        return self.page(request)

    async def send(self, request: Request, form: FormData) -> Response:
        """Sign somebody in, and lead them where they wanted to go."""
        provider = self.provider
        filled = read(FIELDS, form)
        if not filled.ok:
            return self.page(request, filled, 422)
        email, password = filled.values["email"], filled.values["password"]
        address = request.client.host if request.client else ""
        if await provider.do(lambda joint: self._limited(joint, address, email)):
            return self.page(request, filled.wrong("email", LATER), 429)
        kept = await provider.do(lambda joint: self._kept(joint, email))
        fits = await provider.apart(passwords.fits, kept[1], password)
        if not fits:
            return self.page(request, filled.wrong("email", WRONG), 403)
        path = provider.destinations.get(request.query_params.get("destination", ""), "/me")
        response: Response = RedirectResponse(path, 303)
        found = await provider.attempt(lambda joint: self._enter(joint, kept[0], email, response))
        if isinstance(found, Refused):
            return provider.pages.page(request, "accounts/waiting.html", status=403,
                                       decision=found.decision)  # fmt: skip
        return response

    def _limited(self, joint: Joint, address: str, email: str) -> bool:
        limits, connection = self.provider.limits, joint.connection
        name = blind_index.normalised("email", email)
        return bool(
            limits.take(connection, SIGN_IN_ADDRESS, "sign-in-address", address)
            or limits.take(connection, SIGN_IN_ACCOUNT, "sign-in", name)
        )

    def _kept(self, joint: Joint, email: str) -> tuple[str, str]:
        """The person with an address and a confirmed account, and their password's hash."""
        found = blind_index.find(joint.connection, joint.house.keyring, "email", email)
        for person_id in found:
            account = domain.account_of(joint.connection, person_id)
            if account is None or account.state != domain.ACTIVE:
                continue
            return person_id, credentials.kept(joint, person_id).get(credentials.SIGN_IN, "")
        return "", ""

    def _enter(
        self, joint: Joint, person_id: str, email: str, response: Response
    ) -> Refused | None:
        found = domain.served(joint, person_id)
        if isinstance(found, Refused):
            return found
        name = blind_index.normalised("email", email)
        self.provider.limits.clear(joint.connection, "sign-in", name)
        enter(self.provider, joint.connection, response, "customer", person_id)
        return None

    async def out(self, visit: Visit) -> Response:
        """Sign somebody out."""
        await self.provider.do(lambda joint: sessions.end(joint.connection, visit.session))
        response = RedirectResponse("/sign-in?" + urlencode({"left": "yes"}), 303)
        leave(self.provider, response, "customer")
        return response
