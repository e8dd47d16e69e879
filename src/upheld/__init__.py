"""upheld: a privacy policy that runs.

`load` a policy, make a `Request`, `decide`: the answer says yes, no or what to prove, and by
which clause. Everything heavier than that loads on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from upheld.core.errors import Fault, PolicyError, RequestError, UpheldError
    from upheld.core.ids import EntryNumber, PersonId, RecordId
    from upheld.core.observing import policy_under_test
    from upheld.gate.act.request import Refused
    from upheld.gate.async_gate import open_gate, open_gate_sync
    from upheld.mutate.run import mutate
    from upheld.policy.analyse.compare import Comparison, compare
    from upheld.policy.analyse.contains import contains
    from upheld.policy.analyse.draft import agreement
    from upheld.policy.analyse.findings import Findings, findings
    from upheld.policy.analyse.query import query
    from upheld.policy.analyse.review import review
    from upheld.policy.analyse.sever import sever
    from upheld.policy.load import Policy, load, load_text
    from upheld.policy.request import Decision, Request

_HOME = {
    "Comparison": "upheld.policy.analyse.compare",
    "Decision": "upheld.policy.request",
    "EntryNumber": "upheld.core.ids",
    "Findings": "upheld.policy.analyse.findings",
    "Fault": "upheld.core.errors",
    "PersonId": "upheld.core.ids",
    "Policy": "upheld.policy.load",
    "PolicyError": "upheld.core.errors",
    "RecordId": "upheld.core.ids",
    "Refused": "upheld.gate.act.request",
    "Request": "upheld.policy.request",
    "RequestError": "upheld.core.errors",
    "UpheldError": "upheld.core.errors",
    "agreement": "upheld.policy.analyse.draft",
    "compare": "upheld.policy.analyse.compare",
    "contains": "upheld.policy.analyse.contains",
    "findings": "upheld.policy.analyse.findings",
    "mutate": "upheld.mutate.run",
    "open_gate": "upheld.gate.async_gate",
    "open_gate_sync": "upheld.gate.async_gate",
    "policy_under_test": "upheld.core.observing",
    "query": "upheld.policy.analyse.query",
    "review": "upheld.policy.analyse.review",
    "sever": "upheld.policy.analyse.sever",
    "load": "upheld.policy.load",
    "load_text": "upheld.policy.load",
}
__version__ = "0.1.0"
__all__ = [
    "Comparison",
    "Decision",
    "EntryNumber",
    "Fault",
    "Findings",
    "PersonId",
    "Policy",
    "PolicyError",
    "RecordId",
    "Refused",
    "Request",
    "RequestError",
    "UpheldError",
    "agreement",
    "compare",
    "contains",
    "findings",
    "load",
    "load_text",
    "mutate",
    "open_gate",
    "open_gate_sync",
    "policy_under_test",
    "query",
    "review",
    "sever",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module `upheld` has no `{name}`")
    export = getattr(import_module(_HOME[name]), name)
    globals()[name] = export
    return export


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
