"""Media types of a request, as a strict server reads its headers. Names are in lower case."""

from collections.abc import Mapping


def content_type(headers: Mapping[str, str]) -> str | None:
    """The media type of the body without its parameters, in lower case."""
    value = headers.get("content-type")
    return None if value is None else _bare(value)


def takes(headers: Mapping[str, str], media_type: str) -> bool:
    """Whether the client accepts this media type; without a header it accepts all."""
    accept = headers.get("accept")
    offered = None if accept is None else {_bare(part) for part in accept.split(",")}
    return offered is None or not offered.isdisjoint({media_type, "application/*", "*/*"})


def _bare(value: str) -> str:
    return value.partition(";")[0].strip().lower()
