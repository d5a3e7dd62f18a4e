"""Every name in a body that joins its entity to others, found by the name of the field that it stands in.

Field names decide wherever they stand, so that a token is found in a medication, in its claims and in a field
that a later version moves it to. What a name joins is for the ledger to say: here nothing is resolved.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from partners.fields import Json, name, text
from partners.reading import Link, Unreadable, own_domain

__all__ = ["links_of"]

FIELDS: Mapping[str, str] = {
    "request_id": "request",
    "replacement_order": "request",
    "reference_order": "request",
    "prescription_token": "prescription",
    "prescription_tokens": "prescription",
    "original_requested_prescription_token": "prescription",
    "transfer_prescription_token": "prescription",
    "patient_token": "patient",
    "patient_token_duplicates": "patient",
    "merged_patients": "patient",
    "order_token": "order",
    "order_number": "order_number",
    "transfer_token": "transfer",
    "direct_transfer_token": "transfer",
    "direct_transfer_id": "transfer",
    "copay_token": "copay",
    "copay_request_token": "copay",
    "insurance_token": "insurance",
    "insurance_tokens": "insurance",
    "coverage_request_token": "coverage",
    "consult_id": "consult",
    # The tokens of single lines.
    "medication_token": "medication",
    "transfer_medication_token": "medication",
    "transfer_medication_id": "medication",
    "copay_request_prescription_token": "medication",
    "document_id": "document",
    "rx_number": "rx_number",
    "rx_link": "rx_link",
    "metadata": "metadata",
}
ANY_TEXT = frozenset({"rx_number", "metadata"})

DEPTH = 6  # a claim's fields stand four deep
MAX_LINKS = 5000  # ten for each line of the longest list: more is refused before it costs anything

_domain_of = FIELDS.get
Found = dict[Link, None]


def links_of(kind: str, key: str | None, content: Json, others: Iterable[Link] = ()) -> frozenset[Link]:
    """The links of an entity that a body tells, its own key and `others` among them.

    Raises Unreadable bad_details for more than MAX_LINKS.
    """
    found: Found = {} if key is None else {(own_domain(kind), key): None}
    found.update(dict.fromkeys(others))
    _walk(content, found, DEPTH)
    if len(found) > MAX_LINKS:
        raise Unreadable("bad_details")
    return frozenset(found)


def _walk(fields: Json, found: Found, depth: int) -> None:
    for field, value in fields.items():
        domain = _domain_of(field)
        if domain is None:
            if type(value) is dict:
                if depth:
                    _walk(value, found, depth - 1)
            elif type(value) is list:
                _walk_list(None, value, found, depth)
        elif domain in ANY_TEXT:  # text of any kind is one name, whatever its shape
            _add_text(domain, value, found)
        elif type(value) is dict:
            if depth:
                _walk(value, found, depth - 1)
        elif type(value) is list:
            _walk_list(domain, value, found, depth)
        elif plain := name(value):
            found[domain, plain] = None


def _walk_list(domain: str | None, values: list[object], found: Found, depth: int) -> None:
    for item in values:
        if type(item) is dict:
            if depth:
                _walk(item, found, depth - 1)
        elif domain is not None and (plain := name(item)):
            found[domain, plain] = None


def _add_text(domain: str, value: object, found: Found) -> None:
    # Compared as a whole, however long: cut, it would join what is not the same.
    if shown := value.strip() if type(value) is str else text(value):
        found[domain, shown] = None
