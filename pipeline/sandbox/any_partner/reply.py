"""An answer of a simulated partner before it is written."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Reply:
    """`body` is what orjson can write, a page as text, or None for no body."""

    status: int
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
