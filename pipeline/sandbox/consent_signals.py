"""Examples of consent signals that upstreams write, with the result at each partner."""

from collections.abc import Sequence
from typing import Final, NamedTuple

_TCF: Final = "CQuFeUAQuFeUAAKACBDEC0FgAPLAAAAAAAYgGMwAgEagMZAAAAAA"
_TCF_OF_AMAZON: Final = "CQuFeUAQuFeUAAKACBDEC0FgAPLAAAAAAAYgGMwAgF5gMZAAAAAA"


class Granted(NamedTuple):
    """A signal that counts as consent for Amazon, and its result for Adobe."""

    said: dict[str, object]
    is_for_adobe: bool | None
    """None: the signal does not concern Adobe."""


GRANTED: Final = (
    Granted({"tcf": _TCF}, True),
    Granted({"gpp": f"DBABMA~{_TCF}"}, True),
    Granted({"tcf": _TCF_OF_AMAZON}, False),
    Granted({"amazon": {"ad_storage": "GRANTED", "user_data": "granted"}}, None),
)
_DENYING_TCF: Final = "CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA"
DENIED: Final[Sequence[dict[str, object]]] = (
    {"amazon": {"ad_storage": "GRANTED", "user_data": "DENIED"}},
    {"tcf": _DENYING_TCF},
    {"gpp": f"DBABMA~{_DENYING_TCF}"},
)
UNREADABLE: Final[Sequence[dict[str, object]]] = (
    {"tcf": "CONSENT_DENIED"},
    {"tcf": _TCF[:13]},
    {"gpp": "DB_x~DENIED"},
)
