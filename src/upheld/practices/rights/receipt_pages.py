"""Verify a receipt, for anybody: by the public key of our log, and nothing else of ours.

The same can be done elsewhere, without us: `upheld ledger verify`, or any program that
knows RFC 6962 and signed notes. Nothing of what is sent is kept.
"""

from __future__ import annotations

from functools import partial

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from upheld.core.errors import UpheldError
from upheld.gate.operations import watching
from upheld.gate.public import Checkpoint, Entry, verify_receipt
from upheld.practice.plugin import Provider
from upheld.practices.rights.pages import policy_of
from upheld.practices.rights.sentences import clauses, sentence, version_page


class ReceiptPages:
    """The page on which a receipt is verified."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    async def show(self, request: Request) -> Response:
        """The form."""
        return await self._page(request)

    async def _page(
        self,
        request: Request,
        result: tuple[Entry, Checkpoint] | None = None,
        wrong: str = "",
        status: int = 200,
    ) -> Response:
        policy = policy_of(self.provider)
        gate, page = self.provider.gate.gate, ""
        if result is not None:
            policy = await self.provider.run_in_thread(gate.policy_behind, result[0])
            page = version_page(gate, result[0])
        logs = await self.provider.run_in_thread(watching.logs, self.provider.gate.gate)
        return self.provider.pages.page(
            request,
            "rights/verify.html",
            status=status,
            logs=logs,
            wrong=wrong,
            result=result,
            text=sentence(result[0], policy) if result else "",
            cited=clauses(policy, result[0].clauses, page) if result else [],
        )

    async def checkpoint(self, request: Request) -> Response:
        """The latest checkpoint as a signed note, with what witnesses have cosigned of it.

        At the path that ends in `cosigned`, the latest that any witness has.
        """
        cosigned = request.url.path.endswith("/cosigned")
        try:
            note = await self.provider.run_in_thread(
                partial(watching.note, cosigned=cosigned), self.provider.gate.gate
            )
        except UpheldError:
            raise HTTPException(404) from None
        headers = {"cache-control": "no-store"}
        return Response(note, media_type="text/plain; charset=utf-8", headers=headers)

    async def send(self, request: Request, form: FormData) -> Response:
        """Verify what was sent, as a file or as text."""
        raw = b""
        for part in (form.get("file"), form.get("receipt")):
            if isinstance(part, UploadFile):
                raw = raw or await part.read()
            elif part and part.strip():
                raw = raw or part.strip().encode(errors="replace") + b"\n"
        if not raw:
            return await self._page(request, wrong="Choose a file, or paste a receipt.", status=422)
        problem = "we have no log yet"
        for log in await self.provider.run_in_thread(watching.logs, self.provider.gate.gate):
            try:
                return await self._page(request, verify_receipt(raw, log.key))
            except UpheldError as error:
                problem = str(error)
        return await self._page(request, wrong=f"It proves nothing: {problem}.", status=422)
