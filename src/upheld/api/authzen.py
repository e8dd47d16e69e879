"""AuthZEN questions about one policy: a typed message in, a typed message out, no HTTP.

The action says what a subject is: the recipient where it takes one, else the actor where it takes
one, else `provider`, which says nothing. What cannot be asked is a deny that says why.
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from upheld.api import messages as m
from upheld.core.dimensions import DATA, dimension_values
from upheld.core.errors import RequestError, UpheldError
from upheld.policy.fact_types import ordered_type
from upheld.policy.load import Policy
from upheld.policy.request import Decision, Request, error_decision
from upheld.policy.vocabulary import Fact

ANY = "any"
SCANNED_MAX = 200  # questions that one search asks before it hands out a page
SEARCH_SECONDS = 0.5  # the same as time, where questions are slow
PARTS_MAX = 100  # of facts given in parts, in one message; each takes milliseconds
PROOF = "approval_required"
Watched = Callable[[Policy, m.EvaluationRequest, Decision], None]


class MessageError(UpheldError):
    """A message that is not a question; `status` and `headers` are what HTTP answers."""

    def __init__(
        self, message: str, status: int = 400, headers: tuple[tuple[bytes, bytes], ...] = ()
    ) -> None:
        super().__init__(message, code="malformed")
        self.status, self.headers = status, headers


CUSTOMER = MessageError(
    "questions about a customer are not answered here; ask with the type `party`", 403
)


class AuthZen:
    """Answers AuthZEN's messages by one policy; `watched` is told each decision on a question."""

    def __init__(self, policy: Policy, watched: Watched | None = None) -> None:
        self.policy, self.watched = policy, watched
        engine = policy.engine
        own = policy.program.definitions
        self.terms = {
            tree: [*words, *(name for name, mine in own.items() if mine.tree == tree)]
            for tree, words in policy.program.vocabulary.trees.items()
        }
        leaves = engine.compiled.leaves["action"].names
        self.takes: dict[str, frozenset[str]] = {}
        for name in engine.checker.masks["action"]:
            dimensions = [
                engine.compiled.takes[leaf] for leaf in engine.checker.actions(name, leaves)
            ]
            self.takes[name] = frozenset(d for each in dimensions for d in each)
        self.digest = f"sha256:{policy.digest}"

    def question(self, message: m.EvaluationRequest) -> Request:
        """The request of a question; RequestError where it is none of this policy."""
        subject, resource, context = message.subject, message.resource, message.context
        if subject.type == "customer" or resource.type == "customer":
            raise CUSTOMER
        takes = self.takes.get(message.action.name)
        if takes is None:
            return Request(message.action.name)  # whose decision says that there is none
        if subject.type != "party":
            raise RequestError(
                f"a subject has the type `party`, not `{subject.type}`", code="unknown-term"
            )
        value = dimension_values(context, DATA, "recipient")
        role = "recipient" if "recipient" in takes else "actor" if "actor" in takes else ""
        for dimension in ("data", "recipient", *(["actor"] if role == "actor" else [])):
            if getattr(context, dimension) is not None:
                raise RequestError(
                    f"`{dimension}` is said by the subject or the resource", code="wrong-dimension"
                )
        if role:
            value[role] = None if subject.id == ANY else subject.id
        elif subject.id != "provider":
            raise RequestError(
                f"`{message.action.name}` takes no party; its subject is `provider`",
                code="wrong-dimension",
            )
        value["data"] = self._data(resource, message.action.name, takes)
        return Request(message.action.name, **value)

    def _data(self, resource: m.Resource, action: str, takes: frozenset[str]) -> list[str] | None:
        if "data" in takes:
            if resource.type != "data":
                raise RequestError(
                    f"`{action}` takes data; its resource has the type `data`",
                    code="wrong-dimension",
                )
            names = resource.properties.data or []
            return [*names, *({resource.id} - {ANY} - set(names))] or None
        if (resource.type, resource.id) != ("service", ANY):
            raise RequestError(
                f"`{action}` takes no data; its resource has the type `service` and the id `any`",
                code="wrong-dimension",
            )
        return None

    def decide(self, message: m.EvaluationRequest) -> Decision:
        """The decision on a question; MessageError for one about a customer."""
        try:
            return self.policy.decide(self.question(message), message.context.facts)
        except RequestError as error:
            return error_decision(error)

    def evaluation(self, message: m.EvaluationRequest) -> m.EvaluationResponse:
        """The answer to one question."""
        decision = self.decide(message)
        if self.watched is not None:
            self.watched(self.policy, message, decision)
        return self.evaluation_response(decision)

    def evaluation_response(self, decision: Decision) -> m.EvaluationResponse:
        """A decision in AuthZEN's words."""
        proof = None
        if decision.outcome == "needs-proof":
            facts = self.policy.program.vocabulary.facts
            proof = m.AccessRequest(decision.prove, schema(decision.prove, facts))
        reasons = {"en": decision.why}
        return m.EvaluationResponse(
            decision.allowed,
            m.AnswerContext(
                reason=PROOF if proof else decision.code,
                reason_user=reasons,
                reason_admin=reasons,
                obligations=obligations(decision) if decision.allowed else (),
                access_request=proof,
                upheld=decision,
                policy=self.digest,
            ),
        )

    def evaluations(
        self, message: m.EvaluationsRequest
    ) -> m.EvaluationResponse | m.EvaluationsResponse:
        """The answers to several questions; MessageError where a single one is none."""
        defaults = {
            name: value
            for name in ("subject", "action", "resource", "context")
            if (value := getattr(message, name)) is not None
        }
        if not message.evaluations:
            return self.evaluation(converted(defaults))
        if customer(defaults):
            raise CUSTOMER
        semantic = message.options.evaluations_semantic
        answers: list[m.EvaluationResponse] = []
        for each in message.evaluations:
            try:
                answer = self.evaluation(converted(with_defaults(each, defaults)))
            except MessageError as error:
                failure = m.Failure(error.status, str(error))
                answer = m.EvaluationResponse(False, m.AnswerContext(error=failure))
            answers.append(answer)
            if semantic == "deny_on_first_deny" and not answer.decision:
                break
            if semantic == "permit_on_first_permit" and answer.decision:
                break
        return m.EvaluationsResponse(answers)

    def search_subject(self, message: m.SubjectSearch) -> m.PartySearchResponse:
        """Parties for whom an act is allowed."""
        if "customer" in (message.subject.type, message.resource.type):
            raise CUSTOMER
        takes = self.takes.get(message.action.name, frozenset())
        candidates = self.terms["party"] if takes & {"recipient", "actor"} else ["provider"]
        names, page = self._search(
            message, candidates if message.subject.type == "party" else [], "subject"
        )
        return m.PartySearchResponse([m.Party("party", name) for name in names], page)

    def search_resource(self, message: m.ResourceSearch) -> m.PartySearchResponse:
        """Kinds of data with which an act is allowed."""
        if "customer" in (message.subject.type, message.resource.type):
            raise CUSTOMER
        kind = message.resource.type
        candidates = {"data": self.terms["data"], "service": [ANY]}.get(kind, [])
        names, page = self._search(message, candidates, "resource")
        return m.PartySearchResponse([m.Party(kind, name) for name in names], page)

    def search_action(self, message: m.ActionSearch) -> m.ActionSearchResponse:
        """Acts that are allowed with this subject and resource."""
        if "customer" in (message.subject.type, message.resource.type):
            raise CUSTOMER
        names, page = self._search(message, self.terms["action"], "action")
        return m.ActionSearchResponse([m.ActionFound(name) for name in names], page)

    def _search(
        self,
        message: m.SubjectSearch | m.ResourceSearch | m.ActionSearch,
        candidates: list[str],
        of: str,
    ) -> tuple[list[str], m.NextPage]:
        """The candidates that are allowed, from where the token says to where a limit is met."""
        mark = fingerprint(self.digest, of, message)
        start = at = position(message.page.token, mark)
        limit = min(message.page.limit, m.PAGE_MAX)
        names: list[str] = []
        end = time.monotonic() + SEARCH_SECONDS
        while at < len(candidates) and len(names) < limit and at - start < SCANNED_MAX:
            if at > start and time.monotonic() > end:
                break
            if self.decide(instance(message, candidates[at])).allowed:
                names.append(candidates[at])
            at += 1
        token = "" if at >= len(candidates) else f"{at}.{mark}"
        encoded = base64.urlsafe_b64encode(token.encode()).decode()
        return names, m.NextPage(encoded, len(names))


def instance(
    message: m.SubjectSearch | m.ResourceSearch | m.ActionSearch, name: str
) -> m.EvaluationRequest:
    """The question that a search asks of one candidate."""
    match message:
        case m.SubjectSearch():
            subject = m.Subject("party", name)
            return m.EvaluationRequest(subject, message.action, message.resource, message.context)
        case m.ResourceSearch():
            resource = m.Resource(message.resource.type, name)
            return m.EvaluationRequest(message.subject, message.action, resource, message.context)
        case m.ActionSearch():
            return m.EvaluationRequest(
                message.subject, m.Action(name), message.resource, message.context
            )


def fingerprint(digest: str, of: str, message: msgspec.Struct) -> str:
    """What a token belongs to: this policy and this search, whatever its page."""
    plain = msgspec.structs.replace(message, page=m.FIRST_PAGE)
    body = msgspec.json.encode([digest, of, plain], order="deterministic")
    return hashlib.sha256(body).hexdigest()[:24]


def position(token: str, mark: str) -> int:
    """Where a page begins; MessageError for a token of another search or policy."""
    if not token:
        return 0
    try:
        at, _, own = base64.urlsafe_b64decode(token.encode()).decode("ascii").partition(".")
        if own == mark and at.isdecimal() and len(at) < 9:
            return int(at)
    except ValueError:
        pass
    raise MessageError("`page.token` belongs to another search or policy; start without one")


def parts(message: msgspec.Struct) -> int:
    """How many parts of facts a message gives; MessageError for too many."""
    if isinstance(message, m.EvaluationsRequest):
        contexts = [each.get("context", message.context) for each in message.evaluations]
        inputs = [c.get("facts") for c in contexts or [message.context] if isinstance(c, dict)]
    else:
        inputs = [getattr(message, "context", m.NO_CONTEXT).facts]
    values = (value for facts in inputs if isinstance(facts, dict) for value in facts.values())
    count = sum(len(value) for value in values if isinstance(value, list))
    if count > PARTS_MAX:
        raise MessageError(
            f"facts have {count:,} parts, want at most {PARTS_MAX:,}; ask in several messages"
        )
    return count


def customer(members: dict[str, Any]) -> bool:
    """Whether a message's plain members name a customer."""
    entities = (members.get("subject"), members.get("resource"))
    return any(isinstance(each, dict) and each.get("type") == "customer" for each in entities)


def with_defaults(each: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """A question of a batch with what it left out: whole objects, and their type, id and name."""
    merged = {**defaults, **each}
    for name, keys in (
        ("subject", ("type", "id")),
        ("resource", ("type", "id")),
        ("action", ("name",)),
    ):
        own, default = each.get(name), defaults.get(name)
        if isinstance(own, dict) and isinstance(default, dict):
            merged[name] = {**{k: default[k] for k in keys if k in default}, **own}
    return merged


def converted(plain: dict[str, Any]) -> m.EvaluationRequest:
    """A question out of plain JSON; MessageError for what is none."""
    try:
        return msgspec.convert(plain, m.EvaluationRequest)
    except msgspec.ValidationError as error:
        raise MessageError(str(error)) from None


def obligations(decision: Decision) -> tuple[m.EvaluationObligation, ...]:
    """The duties of an allowed act."""
    results = []
    for duty in decision.duties:
        properties = msgspec.to_builtins(duty)
        name = "-".join(str(part) for part in properties.values())
        results.append(m.EvaluationObligation(name, "custom", properties))
    return tuple(results)


def schema(ways: tuple[tuple[str, ...], ...], facts: Mapping[str, Fact]) -> dict[str, Any]:
    """A JSON schema of the facts that would settle a question, any one set of them."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "anyOf": [_way(way, facts) for way in ways],
    }


def _way(way: tuple[str, ...], facts: Mapping[str, Fact]) -> dict[str, Any]:
    properties: dict[str, dict[str, Any]] = {}
    for literal in way:
        negated = literal.startswith("not ")
        fact, *rest = literal.removeprefix("not ").split()
        limits = properties.setdefault(fact, {})
        if not rest:
            limits["const"] = not negated
        elif rest[0] != "is":
            limits |= ordered_type(facts[fact]).schema(rest[0], " ".join(rest[1:]))
        elif negated:
            limits.setdefault("not", {"enum": []})["enum"].append(rest[1])
        else:
            limits["const"] = rest[1]
    return {"properties": properties, "required": sorted(properties)}
