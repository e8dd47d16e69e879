"""AuthZEN questions about one policy: a typed message in, a typed message out, no HTTP.

The action says what a subject is: the recipient where it takes one, else the actor where it takes
one, else `provider`, which says nothing. What cannot be asked is a deny that says why.
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable
from typing import Any

import msgspec

from upheld.api import messages as m
from upheld.core.dimensions import DATA, dimension_values
from upheld.core.errors import RequestError, UpheldError
from upheld.policy.load import Policy
from upheld.policy.request import Decision, Request, error_decision

ANY = "any"
SCANNED_MAX = 200  # questions that one search asks before it hands out a page
SEARCH_SECONDS = 0.5  # the same as time, where questions are slow
PARTS_MAX = 100  # of facts given in parts, in one message; each takes milliseconds
PROOF = "approval_required"
Watched = Callable[[Policy, m.EvaluationRequest, Decision], None]


class MessageError(UpheldError):
    """A message that is no question; `status` and `headers` are what HTTP answers."""

    def __init__(
        self, message: str, status: int = 400, headers: tuple[tuple[bytes, bytes], ...] = ()
    ) -> None:
        super().__init__(message, code="malformed")
        self.status, self.headers = status, headers


CUSTOMER = MessageError("questions about a customer are not answered here", 403)


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
            taken = [engine.compiled.takes[leaf] for leaf in engine.checker.actions(name, leaves)]
            self.takes[name] = frozenset(d for each in taken for d in each)
        self.digest = f"sha256:{policy.digest}"

    def question(self, asked: m.EvaluationRequest) -> Request:
        """The request of a question; RequestError where it is none of this policy."""
        subject, resource, context = asked.subject, asked.resource, asked.context
        if subject.type == "customer" or resource.type == "customer":
            raise CUSTOMER
        takes = self.takes.get(asked.action.name)
        if takes is None:
            return Request(asked.action.name)  # whose decision says that there is none
        if subject.type != "party":
            raise RequestError(
                f"a subject has the type `party`, not `{subject.type}`", code="unknown-term"
            )
        said = dimension_values(context, DATA, "recipient")
        role = "recipient" if "recipient" in takes else "actor" if "actor" in takes else ""
        for dimension in ("data", "recipient", *(["actor"] if role == "actor" else [])):
            if getattr(context, dimension) is not None:
                raise RequestError(
                    f"`{dimension}` is said by the subject or the resource", code="wrong-dimension"
                )
        if role:
            said[role] = None if subject.id == ANY else subject.id
        elif subject.id != "provider":
            raise RequestError(
                f"`{asked.action.name}` takes no party; its subject is `provider`",
                code="wrong-dimension",
            )
        said["data"] = self._data(resource, asked.action.name, takes)
        return Request(asked.action.name, **said)

    def _data(self, resource: m.Resource, action: str, takes: frozenset[str]) -> list[str] | None:
        if "data" in takes:
            if resource.type != "data":
                raise RequestError(
                    f"`{action}` takes data; its resource has the type `data`",
                    code="wrong-dimension",
                )
            listed = resource.properties.data or []
            return [*listed, *({resource.id} - {ANY} - set(listed))] or None
        if (resource.type, resource.id) != ("service", ANY):
            raise RequestError(
                f"`{action}` takes no data; its resource has the type `service` and the id `any`",
                code="wrong-dimension",
            )
        return None

    def decide(self, asked: m.EvaluationRequest) -> Decision:
        """The decision on a question; MessageError for one about a customer."""
        try:
            return self.policy.decide(self.question(asked), asked.context.facts)
        except RequestError as error:
            return error_decision(error)

    def evaluation(self, asked: m.EvaluationRequest) -> m.EvaluationResponse:
        """The answer to one question."""
        decision = self.decide(asked)
        if self.watched is not None:
            self.watched(self.policy, asked, decision)
        return self.told(decision)

    def told(self, decision: Decision) -> m.EvaluationResponse:
        """A decision in AuthZEN's words."""
        proof = None
        if decision.outcome == "needs-proof":
            proof = m.AccessRequest(decision.prove, schema(decision.prove))
        said = {"en": decision.why}
        return m.EvaluationResponse(
            decision.allowed,
            m.AnswerContext(
                reason=PROOF if proof else decision.code,
                reason_user=said,
                reason_admin=said,
                obligations=obligations(decision) if decision.allowed else (),
                access_request=proof,
                upheld=decision,
                policy=self.digest,
            ),
        )

    def evaluations(
        self, asked: m.EvaluationsRequest
    ) -> m.EvaluationResponse | m.EvaluationsResponse:
        """The answers to several questions; MessageError where a single one is none."""
        shared = {
            name: value
            for name in ("subject", "action", "resource", "context")
            if (value := getattr(asked, name)) is not None
        }
        if not asked.evaluations:
            return self.evaluation(converted(shared))
        if customer(shared):
            raise CUSTOMER
        semantic = asked.options.evaluations_semantic
        answers: list[m.EvaluationResponse] = []
        for each in asked.evaluations:
            try:
                answer = self.evaluation(converted(with_defaults(each, shared)))
            except MessageError as error:
                failure = m.Failure(error.status, str(error))
                answer = m.EvaluationResponse(False, m.AnswerContext(error=failure))
            answers.append(answer)
            if semantic == "deny_on_first_deny" and not answer.decision:
                break
            if semantic == "permit_on_first_permit" and answer.decision:
                break
        return m.EvaluationsResponse(answers)

    def search_subject(self, asked: m.SubjectSearch) -> m.PartySearchResponse:
        """Parties for whom an act is allowed."""
        if "customer" in (asked.subject.type, asked.resource.type):
            raise CUSTOMER
        takes = self.takes.get(asked.action.name, frozenset())
        found = self.terms["party"] if takes & {"recipient", "actor"} else ["provider"]
        names, page = self._search(asked, found if asked.subject.type == "party" else [], "subject")
        return m.PartySearchResponse([m.Party("party", name) for name in names], page)

    def search_resource(self, asked: m.ResourceSearch) -> m.PartySearchResponse:
        """Kinds of data with which an act is allowed."""
        if "customer" in (asked.subject.type, asked.resource.type):
            raise CUSTOMER
        kind = asked.resource.type
        found = {"data": self.terms["data"], "service": [ANY]}.get(kind, [])
        names, page = self._search(asked, found, "resource")
        return m.PartySearchResponse([m.Party(kind, name) for name in names], page)

    def search_action(self, asked: m.ActionSearch) -> m.ActionSearchResponse:
        """Acts that are allowed with this subject and resource."""
        if "customer" in (asked.subject.type, asked.resource.type):
            raise CUSTOMER
        names, page = self._search(asked, self.terms["action"], "action")
        return m.ActionSearchResponse([m.ActionFound(name) for name in names], page)

    def _search(
        self, asked: m.SubjectSearch | m.ResourceSearch | m.ActionSearch, found: list[str], of: str
    ) -> tuple[list[str], m.NextPage]:
        """The candidates that are allowed, from where the token says to where a limit is met."""
        mark = fingerprint(self.digest, of, asked)
        start = at = position(asked.page.token, mark)
        limit = min(asked.page.limit, m.PAGE_MAX)
        names: list[str] = []
        end = time.monotonic() + SEARCH_SECONDS
        while at < len(found) and len(names) < limit and at - start < SCANNED_MAX:
            if at > start and time.monotonic() > end:
                break
            if self.decide(instance(asked, found[at])).allowed:
                names.append(found[at])
            at += 1
        token = "" if at >= len(found) else f"{at}.{mark}"
        encoded = base64.urlsafe_b64encode(token.encode()).decode()
        return names, m.NextPage(encoded, len(names))


def instance(
    asked: m.SubjectSearch | m.ResourceSearch | m.ActionSearch, name: str
) -> m.EvaluationRequest:
    """The question that a search asks of one candidate."""
    match asked:
        case m.SubjectSearch():
            subject = m.Subject("party", name)
            return m.EvaluationRequest(subject, asked.action, asked.resource, asked.context)
        case m.ResourceSearch():
            resource = m.Resource(asked.resource.type, name)
            return m.EvaluationRequest(asked.subject, asked.action, resource, asked.context)
        case m.ActionSearch():
            return m.EvaluationRequest(asked.subject, m.Action(name), asked.resource, asked.context)


def fingerprint(digest: str, of: str, asked: msgspec.Struct) -> str:
    """What a token belongs to: this policy and this search, whatever its page."""
    plain = msgspec.structs.replace(asked, page=m.FIRST_PAGE)
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


def parts(asked: msgspec.Struct) -> int:
    """How many parts of facts a message gives; MessageError for too many."""
    if isinstance(asked, m.EvaluationsRequest):
        contexts = [each.get("context", asked.context) for each in asked.evaluations]
        given = [c.get("facts") for c in contexts or [asked.context] if isinstance(c, dict)]
    else:
        given = [getattr(asked, "context", m.NO_CONTEXT).facts]
    values = (value for facts in given if isinstance(facts, dict) for value in facts.values())
    count = sum(len(value) for value in values if isinstance(value, list))
    if count > PARTS_MAX:
        raise MessageError(f"facts have {count} parts; at most {PARTS_MAX} in one message")
    return count


def customer(members: dict[str, Any]) -> bool:
    """Whether a message's plain members name a customer."""
    named = (members.get("subject"), members.get("resource"))
    return any(isinstance(each, dict) and each.get("type") == "customer" for each in named)


def with_defaults(each: dict[str, Any], shared: dict[str, Any]) -> dict[str, Any]:
    """A question of a batch with what it left out: whole objects, and their type, id and name."""
    merged = {**shared, **each}
    for name, keys in (
        ("subject", ("type", "id")),
        ("resource", ("type", "id")),
        ("action", ("name",)),
    ):
        own, default = each.get(name), shared.get(name)
        if isinstance(own, dict) and isinstance(default, dict):
            merged[name] = {**{k: default[k] for k in keys if k in default}, **own}
    return merged


def converted(plain: dict[str, Any]) -> m.EvaluationRequest:
    """A question out of plain JSON; MessageError for what is none."""
    try:
        return msgspec.convert(plain, m.EvaluationRequest)
    except msgspec.ValidationError as error:
        raise MessageError(str(error)) from None


def obligations(decision: Decision) -> tuple[m.Obligation, ...]:
    """The duties of an allowed act."""
    found = []
    for duty in decision.duties:
        properties = msgspec.to_builtins(duty)
        name = "-".join(str(part) for part in properties.values())
        found.append(m.Obligation(name, "custom", properties))
    return tuple(found)


BOUNDS = {">=": "minimum", ">": "exclusiveMinimum", "<=": "maximum", "<": "exclusiveMaximum"}


def schema(ways: tuple[tuple[str, ...], ...]) -> dict[str, Any]:
    """A JSON schema of the facts that would settle a question, any one set of them."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "anyOf": [_way(way) for way in ways],
    }


def _way(way: tuple[str, ...]) -> dict[str, Any]:
    properties: dict[str, dict[str, Any]] = {}
    for literal in way:
        negated = literal.startswith("not ")
        fact, *rest = literal.removeprefix("not ").split()
        limits = properties.setdefault(fact, {})
        if len(rest) > 2 or any(
            "/" in part for part in rest
        ):  # another unit, or no decimal: words have to do
            limits["description"] = literal
        elif not rest:
            limits["const"] = not negated
        elif rest[0] in BOUNDS:
            limits |= {"type": "number", BOUNDS[rest[0]]: msgspec.json.decode(rest[1])}
        elif rest[0] == "=":
            limits["const"] = msgspec.json.decode(rest[1])
        elif negated:
            limits.setdefault("not", {"enum": []})["enum"].append(rest[1])
        else:
            limits["const"] = rest[1]
    return {"properties": properties, "required": sorted(properties)}
