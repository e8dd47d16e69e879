"""What AuthZEN's messages look like, as types: the border at which a body is read or refused.

Unknown members are ignored, as the standard asks; a member of the wrong type is not.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from upheld.core.dimensions import DimensionValues
from upheld.policy.request import Decision

BATCH_MAX = 100
WORDS_MAX = 100
PAGE_MAX = 100

Word = Annotated[str, Meta(max_length=200)]
Words = Word | Annotated[list[Word], Meta(max_length=WORDS_MAX)] | None


class Properties(msgspec.Struct, frozen=True):
    """Properties of a resource: the kinds of data asked about, where they are several."""

    data: Annotated[list[Word], Meta(min_length=1, max_length=WORDS_MAX)] | None = None


class Subject(msgspec.Struct, frozen=True):
    """A party: `{"type": "party", "id": TERM}`."""

    type: Word
    id: Word
    properties: dict[str, Any] = {}


class Resource(msgspec.Struct, frozen=True):
    """Data, `{"type": "data", "id": TERM}`, or `{"type": "service", "id": "any"}`."""

    type: Word
    id: Word
    properties: Properties = Properties()


class Action(msgspec.Struct, frozen=True):
    """An action of the vocabulary."""

    name: Word
    properties: dict[str, Any] = {}


class Context(DimensionValues[Words, Words], frozen=True):
    """The rest of a question: facts, and every dimension.

    `data` and `recipient`, and `actor` where it is the subject, are said by resource and subject;
    they are named here so that whoever says them in the context is told.
    """

    facts: dict[str, Any] = msgspec.field(default_factory=dict)


NO_CONTEXT = Context()


class EvaluationRequest(msgspec.Struct, frozen=True):
    """One question."""

    subject: Subject
    action: Action
    resource: Resource
    context: Context = NO_CONTEXT


class Options(msgspec.Struct, frozen=True):
    """How a batch is worked off."""

    evaluations_semantic: Annotated[
        str, Meta(pattern="^(execute_all|deny_on_first_deny|permit_on_first_permit)$")
    ] = "execute_all"


class EvaluationsRequest(msgspec.Struct, frozen=True):
    """Several questions, with what they share said once; without `evaluations`, one question."""

    subject: dict[str, Any] | None = None
    action: dict[str, Any] | None = None
    resource: dict[str, Any] | None = None
    context: dict[str, Any] | None = None
    evaluations: Annotated[list[dict[str, Any]], Meta(max_length=BATCH_MAX)] = []
    options: Options = Options()


class Kind(msgspec.Struct, frozen=True):
    """What a search looks for: its `type` alone; an `id` is ignored."""

    type: Word


class Page(msgspec.Struct, frozen=True):
    """Which part of the results is asked for."""

    token: Annotated[str, Meta(max_length=200)] = ""
    limit: Annotated[int, Meta(ge=0, le=2**31)] = PAGE_MAX


FIRST_PAGE = Page()


class SubjectSearch(msgspec.Struct, frozen=True):
    """A search for who may do something."""

    subject: Kind
    action: Action
    resource: Resource
    context: Context = NO_CONTEXT
    page: Page = FIRST_PAGE


class ResourceSearch(msgspec.Struct, frozen=True):
    """A search for the data with which something may be done."""

    subject: Subject
    action: Action
    resource: Kind
    context: Context = NO_CONTEXT
    page: Page = FIRST_PAGE


class ActionSearch(msgspec.Struct, frozen=True):
    """A search for what may be done."""

    subject: Subject
    resource: Resource
    context: Context = NO_CONTEXT
    page: Page = FIRST_PAGE


class EvaluationObligation(msgspec.Struct, frozen=True):
    """A duty of an allowed act; who cannot carry it out must refuse the act."""

    id: str
    type: str
    properties: dict[str, str | int | float]


class AccessRequest(msgspec.Struct, frozen=True):
    """What would have to be proven: any one set of facts, and the same as a JSON schema."""

    prove: tuple[tuple[str, ...], ...]
    request_schema: dict[str, Any]


class Failure(msgspec.Struct, frozen=True):
    """Why one question of a batch could not be asked."""

    status: int
    message: str


class AnswerContext(msgspec.Struct, frozen=True, omit_defaults=True):
    """What comes with a decision: its reason, duties, what to prove, and the whole answer."""

    reason: str = ""
    reason_user: dict[str, str] = {}
    reason_admin: dict[str, str] = {}
    obligations: tuple[EvaluationObligation, ...] = ()
    access_request: AccessRequest | None = None
    upheld: Decision | None = None
    policy: str = ""
    error: Failure | None = None


class EvaluationResponse(msgspec.Struct, frozen=True):
    """A decision."""

    decision: bool
    context: AnswerContext


class EvaluationsResponse(msgspec.Struct, frozen=True):
    """Decisions, in the order of the questions."""

    evaluations: list[EvaluationResponse]


class Party(msgspec.Struct, frozen=True):
    """A subject or resource that was found."""

    type: str
    id: str


class ActionFound(msgspec.Struct, frozen=True):
    """An action that was found."""

    name: str


class NextPage(msgspec.Struct, frozen=True):
    """Where the next page starts; an empty token means that this was the last."""

    next_token: str
    count: int


class PartySearchResponse(msgspec.Struct, frozen=True):
    """A page of subjects or resources."""

    results: list[Party]
    page: NextPage


class ActionSearchResponse(msgspec.Struct, frozen=True):
    """A page of actions."""

    results: list[ActionFound]
    page: NextPage


class Metadata(msgspec.Struct, frozen=True):
    """Where everything is."""

    policy_decision_point: str
    access_evaluation_endpoint: str
    access_evaluations_endpoint: str
    search_subject_endpoint: str
    search_resource_endpoint: str
    search_action_endpoint: str
    capabilities: list[str]
    supported_obligations: list[str]
