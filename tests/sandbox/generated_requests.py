"""Requests that schemathesis makes of the partner's documents: right ones and wrong ones."""

from collections.abc import Collection, Mapping
from typing import Any

import orjson
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from multidict import CIMultiDict
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from tests.sandbox.amazon_client import Answer
from tests.specification import Operation

FEW, MANY = 20, 100
"""Requests to make. A body can be wrong in many ways, of which each request tries one."""
ONLY_FROM_THE_PARTNER = {"nextToken"}
DIGEST = {"enum": ["0" * 64, "af" * 32]}
LONG = {"type": "integer", "minimum": 1, "maximum": 2**63 - 1}
TEXT = {"type": "string", "minLength": 1}
WORDED: dict[str, dict[str, Any]] = {
    "limit": {"type": "string", "pattern": "^([1-9][0-9]?|100)$"},
    "startIndex": {"type": "integer", "minimum": 0, "maximum": 29_900},
    "cpmCents": {"type": "number", "minimum": 0, "maximum": 10_000_000},
    "countryCode": {"$ref": "#/components/schemas/CountryCode"},
    "audienceId": LONG,
    "advertiserId": LONG,
    "tcf": TEXT,
    "gpp": TEXT,
    **dict.fromkeys(
        ("address", "city", "email", "firstname", "lastname", "phone", "postal", "state"), DIGEST
    ),
}
"""What the partner says of a field in words alone."""
WORDED_WHOLES: dict[str, dict[str, Any]] = {
    "AmcpLinkAddConnectionV2RequestContent": {
        "required": ["amcAccountId", "amcAccountMarketplaceId", "amcInstanceId", "dspAdvertiserId"],
        "not": {"required": ["connectionId"]},  # an id may be chosen, but only once
    },
    "Consent": {"maxProperties": 1},
}


def without_headers(found: Operation) -> dict[str, Any]:
    """The document, without the headers: they belong to the gate, which has tests of its own."""
    for operations in found.document["paths"].values():
        for one in operations.values():
            one["parameters"] = [
                parameter for parameter in one.get("parameters", ()) if parameter["in"] != "header"
            ]
    return found.document


def narrowed(
    document: dict[str, Any],
    fields: dict[str, dict[str, Any]],
    without: Collection[str] = (),
) -> dict[str, Any]:
    """The document with narrower fields, no fields beside them, and without some parameters."""
    for name, schema in document.get("components", {}).get("schemas", {}).items():
        for one in (schema, *schema.get("oneOf", ())):
            properties = one.get("properties", {})
            properties |= {field: fields[field] for field in fields.keys() & properties.keys()}
            if properties:
                one["additionalProperties"] = False
        schema.update(WORDED_WHOLES.get(name, {}))
    for operations in document["paths"].values():
        for one in operations.values():
            one.get("requestBody", {})["required"] = True
            one["parameters"] = [
                parameter | {"schema": fields.get(parameter["name"], parameter["schema"])}
                for parameter in one["parameters"]
                if parameter["name"] not in without
            ]
    return document


CHECK = {
    GenerationMode.POSITIVE: positive_data_acceptance,
    GenerationMode.NEGATIVE: negative_data_rejection,
}


def generated(
    found: Operation,
    document: dict[str, Any],
    mode: GenerationMode,
    url: str,
    headers: Mapping[str, str],
) -> list[Answer]:
    """Ask what schemathesis thinks up; always the same for one version of it."""
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=url)
    described = schema[found.path][found.method.upper()]
    is_simple = mode is GenerationMode.POSITIVE or "requestBody" not in found.described
    seen: list[Answer] = []

    @settings(
        max_examples=FEW if is_simple else MANY,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(described.as_strategy(generation_mode=mode))
    def asked(case: schemathesis.Case[Any]) -> None:
        response = case.call(headers=dict(headers))
        case.validate_response(response, checks=[not_a_server_error, CHECK[mode]])
        body = orjson.loads(response.content) if response.content else None
        sent = CIMultiDict({name: values[0] for name, values in response.headers.items()})
        seen.append(Answer(status=response.status_code, headers=sent, body=body))

    asked()
    return seen
