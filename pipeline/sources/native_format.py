"""The format `native`, for upstreams that can choose what they write."""

from dataclasses import replace
from typing import Final

from pipeline.domain.change import Attributes
from pipeline.identity.normalize.fields import FIELDS
from pipeline.sources import native
from pipeline.sources.mapping import mapped
from pipeline.sources.mapping_settings import MappingSettings
from pipeline.sources.members import inner
from pipeline.sources.parts import Parts
from pipeline.sources.scope import Scope
from pipeline.sources.source_format import SourceFormat

_FIELDS: Final[dict[str, object]] = {name: {"item": f"/{name}"} for name in FIELDS}
_MAPPING: Final[dict[str, object]] = {
    "audience": {"pointer": "/audience"},
    "action": {"pointer": "/action", "add": ["add"], "remove": ["remove"]},
    "member": {"pointer": "/member/id"},
    "occurred_at": {"pointer": "/occurred_at"},
    "country": {"pointer": "/member/country"},
    "identities": [{"for_each": "/member/identities", **_FIELDS}],
    "consent": {
        "tcf": {"pointer": "/consent/tcf"},
        "gpp": {"pointer": "/consent/gpp"},
        "amazon": {
            "ad_storage": {"pointer": "/consent/amazon/ad_storage"},
            "user_data": {"pointer": "/consent/amazon/user_data"},
        },
    },
}
"""The native event, described as a mapping."""


def native_parts() -> Parts:
    """The parts of a native add or remove."""
    parts = mapped(MappingSettings.model_validate(_MAPPING), None)
    return replace(parts, attributes=_attributes)


def _attributes(scope: Scope) -> Attributes | None:
    found, wrong = native.attributes_of(inner(scope.root, "member", "attributes"))
    if wrong is not None:
        scope.complain(wrong)
    return found


NATIVE = SourceFormat(
    name="native",
    keys="key each event by member.id",
    parts=lambda _: native_parts(),
    is_shown=True,
)
