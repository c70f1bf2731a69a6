"""Receipts of consent: what a person takes away from every answer (ISO/IEC TS 27560).

JSON-LD with terms of the Data Privacy Vocabulary (W3C DPV 2, its guide to TS 27560:
https://w3id.org/dpv/guides/consent-27560), signed with the log's key, each record with
the proof that it stands in the log. It is verified offline, without privet, by the
stand-alone verifier. It names nobody; yet its proofs hold the person's ordinal, so it is
hers alone: privet keeps no copy.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

from privet.clock import iso
from privet.consent import Change, Told
from privet.errors import PrivetError
from privet.gate import answerable, notices
from privet.gate.certificate import canonical
from privet.gate.parts import Parts
from privet.notices import Notice
from privet.policy import Period, PurposeSpec

FORM: Final = "privet:consent-receipt/1"
CONTEXT: Final = {
    "dct": "http://purl.org/dc/terms/",
    "dpv": "https://w3id.org/dpv#",
    "eu-gdpr": "https://w3id.org/dpv/legal/eu/gdpr#",
    "privet": "https://privet.dev/ns#",
}
SCHEMA: Final = "https://w3id.org/dpv/schema/dpv-27560#"
STATUS: Final = {
    "yes": "dpv:ConsentGiven",
    "renewed": "dpv:RenewedConsentGiven",
    "authorised": "dpv:ConsentGiven",
    "no": "dpv:ConsentRefused",
    "withdrawn": "dpv:ConsentWithdrawn",
    "opted-out": "dpv:OptingOutFromProcess",
    "opted-in": "dpv:OptingInToProcess",
}
"""What each kind of change means in DPV; the verifier has the same table."""

BY: Final = {
    "self": "dpv:DataSubject",
    "parent": "dpv:ParentOfDataSubject",
    "agent": "dpv:Representative",
    "desk": "dpv:DataController",
}
"""Who indicated it, by the actor of the sealed details."""


def build(
    parts: Parts, done: Sequence[tuple[int, Change]], details: str, known: Sequence[Told]
) -> bytes:
    """The receipt of one answer: its records, the signature, and a proof for each.

    Args:
        parts: the open deployment.
        done: the position and change of each record; kinds of ``STATUS`` alone.
        details: the sealed details that the records commit to, as JSON text; or empty.
        known: every notice.
    """
    actor = json.loads(details).get("actor", "self") if details else "self"
    method = json.loads(details).get("channel", "") if details else ""
    language = json.loads(details).get("language", "") if details else ""
    body: dict[str, Any] = {
        "@context": CONTEXT,
        "@type": "dpv:ConsentReceipt",
        "dct:conformsTo": f"{SCHEMA}receipt",
        "dct:identifier": f"urn:uuid:{uuid.uuid4()}",
        "dct:created": iso(parts.now),
        "privet:form": FORM,
        "privet:details": details,
        "dpv:hasRecordOfActivity": [
            _record(parts, seq, change, actor, method, language, known) for seq, change in done
        ],
    }
    signed, vkey, proofs = parts.log.attest(canonical(body), [seq for seq, _ in done])
    document = {
        "receipt": body,
        "signature": base64.b64encode(signed).decode(),
        "vkey": vkey,
        "inclusion": proofs,
    }
    return json.dumps(document, sort_keys=True, indent=1, ensure_ascii=False).encode()


def _record(
    parts: Parts,
    seq: int,
    change: Change,
    actor: str,
    method: str,
    language: str,
    known: Sequence[Told],
) -> dict[str, Any]:
    controller = parts.policy.controller
    status = {
        "@type": STATUS[change.kind],
        "dpv:isIndicatedAtTime": iso(change.at),
        "dpv:isIndicatedBy": BY[actor],
        "dpv:hasIndicationMethod": method,
    }
    if change.expires is not None:
        status["dct:valid"] = iso(change.expires)
    record: dict[str, Any] = {
        "@type": "dpv:ConsentRecord",
        "dct:conformsTo": f"{SCHEMA}record",
        "dct:identifier": str(seq),
        "privet:purpose": change.purpose,
        "privet:notice": change.notice,
        "privet:commitment": change.commitment,
        "dpv:hasDataSubject": {"@type": "dpv:DataSubject"},
        "dpv:hasDataController": {
            "@type": ["dpv:Organisation", "dpv:DataController"],
            "dpv:hasName": controller.name,
            "dpv:hasContact": controller.contact,
        },
        **_ground(parts.policy.purposes[change.purpose]),
        "dpv:hasConsentStatus": [status],
        **_told(parts, parts.policy.purposes[change.purpose], change, language, known),
    }
    if change.jurisdiction:
        record["dpv:hasJurisdiction"] = change.jurisdiction
    return record


def _ground(spec: PurposeSpec) -> Mapping[str, Any]:
    """On what the purpose rests, and how she ends it."""
    if spec.basis != "opt-out":
        return {
            "dpv:hasLegalBasis": "eu-gdpr:A6-1-a",
            "dpv:hasRight": {"@type": "eu-gdpr:A7-3", "dct:title": "Right to withdraw consent"},
        }
    return {
        "dpv:hasLegalBasis": {"@type": "dpv:LegalBasis", "dct:title": spec.reference},
        "dpv:hasRight": {"@type": "dpv:DataSubjectRight", "dct:title": "Right to opt out"},
    }


def _told(
    parts: Parts, spec: PurposeSpec, change: Change, language: str, known: Sequence[Told]
) -> Mapping[str, Any]:
    """The processing as she was told of it; in the policy's words where texts are elsewhere."""
    text = _text(parts, change.notice, known)
    if text is None or spec.name not in text.purposes:
        process = _process(spec.name, spec.text, (), spec.recipients, spec.retention)
        if not language:
            return {"dpv:hasProcess": process}
        shown = {
            "@type": "dpv:ConsentNotice",
            "dct:identifier": change.notice,
            "dct:language": language,
        }
        return {"dpv:hasNotice": shown, "dpv:hasProcess": process}
    telling = text.purposes[spec.name]
    return {
        "dpv:hasNotice": {
            "@type": "dpv:ConsentNotice",
            "dct:identifier": text.hash,
            "dct:title": text.label,
            "dct:language": text.language,
        },
        "dpv:hasProcess": _process(
            spec.name, telling.text, telling.categories, telling.recipients, telling.retention
        ),
    }


def _text(parts: Parts, notice: str, known: Sequence[Told]) -> Notice | None:
    found = answerable.find(known, notice)
    try:
        return None if found is None else notices.text_of(parts, found)
    except PrivetError:  # the answer stands already: a receipt without her notice's words
        return None


def _process(
    purpose: str,
    words: str,
    categories: Sequence[str],
    recipients: Sequence[str],
    retention: Period,
) -> dict[str, Any]:
    return {
        "@type": "dpv:Process",
        "dpv:hasPurpose": {
            "@type": "dpv:Purpose",
            "dct:identifier": purpose,
            "dct:description": words,
        },
        "dpv:hasPersonalData": [
            {"@type": "dpv:PersonalData", "dct:identifier": name} for name in categories
        ],
        "dpv:hasRecipient": [
            {"@type": "dpv:Recipient", "dct:identifier": name} for name in recipients
        ],
        "dpv:hasStorageCondition": {
            "@type": "dpv:StorageDuration",
            "dpv:hasDuration": _duration(retention),
        },
    }


def _duration(period: Period) -> str:
    """A period as ISO 8601: ``P13M``, ``P30D``, ``PT24H``."""
    date = f"{period.months}M" * bool(period.months) + f"{period.days}D" * bool(period.days)
    time = f"T{period.hours}H" if period.hours else ""
    return f"P{date}{time}"
