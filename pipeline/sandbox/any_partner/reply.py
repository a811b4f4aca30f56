"""The answer of a simulated partner, before it becomes HTTP."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Reply:
    """`body` is a value for orjson, the text of a page, or None for no body."""

    status: int
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
