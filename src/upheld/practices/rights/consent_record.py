"""A record of a choice as others read it: the fields of ISO/IEC TS 27560, as JSON.

Header, processing, parties and events, in the words of its guide for DPV. What the standard asks
for and a record of ours has no word for is said from the policy: it is the privacy notice.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from upheld.core.company_names import company_name
from upheld.database.columns import BEGINNING
from upheld.gate.evidence.records import Record
from upheld.policy.load import Policy
from upheld.practices.rights.choices import BY_GUARDIAN, GUARDIAN
from upheld.practices.rights.sentences import label
from upheld.web.pages import Imprint

SCHEMA: Final = "ISO-27560:2023"
PROFILE: Final = "https://w3id.org/dpv/schema/dpv-27560#record"
STATES_GIVEN: Final = {
    "consent": "ConsentGiven",
    "programme-consent": "ConsentGiven",
    "opt-out": "OptOut",
    "signal": "OptOut",
}
STATES_ENDED: Final = {
    "consent": "ConsentWithdrawn",
    "programme-consent": "ConsentWithdrawn",
    "opt-out": "OptOutWithdrawn",
    "signal": "OptOutWithdrawn",
}
PURPOSES: Final = {"advertising-opt-out": ("advertising",), "privacy-signal": ("advertising",)}


def document(
    policy: Policy, imprint: Imprint, url: str, record: Record, text: str
) -> dict[str, Any]:
    """A record as a document of the standard; `shown` is the text that was agreed to."""
    front = policy.front
    return {
        "profile": PROFILE,
        "schema_version": SCHEMA,
        "record_id": record.record_id,
        "pii_principal_id": record.person_id,
        "pii_processing": [
            {
                "privacy_notice": {
                    "address": url + (front.address or "/privacy"),
                    "version": front.version,
                    "sha256": policy.digest,
                },
                "language": "en",
                "purpose": _purposes(policy, record),
                "lawful_basis": "consent"
                if record.kind in ("consent", "programme-consent")
                else ("objection"),
                "pii_information": [_pii(policy, word) for word in record.about.get("data", ())]
                or [_pii(policy, "personal-information")],
                "pii_controllers": [imprint.name],
                "collection_method": record.how,
                "processing_method": "share" if "recipient" in record.about else "none",
                "storage_locations": [
                    "the provider's own database, sealed under a key of the person"
                ],
                "retention_period": "while the account is open, and then as the policy says",
                "jurisdiction": "as the privacy notice says",
                "recipient_third_parties": _recipients(policy, record),
                "withdrawal_method": url + "/me/privacy/choices",
                "privacy_rights": url + "/me/privacy/requests",
                "text_shown": {"sha256": record.text_digest, "text": text},
            }
        ],
        "party_identification": [
            {
                "party_name": imprint.name,
                "party_role": "pii_controller",
                "party_contact": imprint.email or imprint.phone,
                "party_type": "provider",
                "phone": imprint.phone,
                "address": imprint.address,
            }
        ],
        "event": _events(record),
    }


def _purposes(policy: Policy, record: Record) -> list[dict[str, str]]:
    words = record.about.get("purpose", ()) or PURPOSES.get(record.fact, ())
    terms = policy.program.vocabulary.tree("purpose")
    return [
        {
            "purpose": label(policy, "purpose", word),
            "purpose_type": terms[word].dpv if word in terms and terms[word].dpv else word,
        }
        for word in words
    ]


def _pii(policy: Policy, word: str) -> dict[str, Any]:
    terms = policy.program.vocabulary.tree("data")
    return {
        "pii_type": label(policy, "data", word),
        "pii_attribute_id": (terms[word].dpv if word in terms and terms[word].dpv else word),
        "pii_optional": True,
        "sensitive_pii_category": False,
        "special_pii_category": False,
    }


def _recipients(policy: Policy, record: Record) -> list[str]:
    names = [label(policy, "party", word) for word in record.about.get("recipient", ())]
    return [f"{company_name(record.party)} ({', '.join(names)})"] if record.party else names


def _events(record: Record) -> list[dict[str, Any]]:
    """What happened to the record, the first thing first."""
    events = [(record.valid_from, "given", STATES_GIVEN[record.kind])]
    if record.withdrawn is not None:
        events.append((record.withdrawn, "withdrawn", STATES_ENDED[record.kind]))
    elif record.ends is not None:
        events.append((record.ends, "expired", "ConsentExpired"))
    return [
        {
            "event_time": (BEGINNING + timedelta(microseconds=at)).isoformat(),
            "validity_duration": "until withdrawn",
            "entity_id": GUARDIAN if record.how == BY_GUARDIAN else record.by_whom,
            "event_type": kind,
            "event_state": state,
        }
        for at, kind, state in events
    ]
