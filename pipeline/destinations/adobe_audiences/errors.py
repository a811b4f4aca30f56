"""Reads Adobe's words and codes from the several shapes of its error bodies.

Known shapes are {error_code, message} of the gateway, {type, title, status, detail} of the
platform, {error, error_description} of the login, and bodies that are not JSON. The place of the
codes of External Audiences, such as 100922-401, is not documented, so we search the whole body.
"""

import re
from collections.abc import Mapping

from pipeline.destinations.exchange import Response, document, header
from pipeline.destinations.partner_words import LONGEST_RAW_TEXT, presentable, scalar_text

_WORDS = (
    "error_code", "errorCode", "code", "title", "message", "detail", "error", "error_description",
)  # fmt: skip
_SECRETS = re.compile(
    r"[0-9a-fA-F]{64}|(?:eyJ|p8e-|s8e-)[A-Za-z0-9_.=-]+|(?:sig|SASToken)=[^\s\"'&]+"
)
"""Hashes of personal data, tokens, client secrets and signatures that an answer may repeat."""
_CODE = re.compile(r"(?<![0-9])(1009[0-9]{2})(?:-[0-9]{3})?(?![0-9])")
_INVALID_TOKEN = re.compile(r"invalid[\s_-]+(?:access[\s_-]+|oauth[\s_-]+)?token", re.IGNORECASE)
_BUDGET = re.compile(
    r"guardrail|quota|too many (?:runs|ingestions)|maximum number|"
    r"limit[^.]{0,40}(?:reached|exceeded|hit)|(?:exceed|reach)[^.]{0,60}limit",
    re.IGNORECASE,
)
_OF_RUNS = re.compile(r"guardrail|quota|ingestion|per day|daily|(?<!/)\bruns\b", re.IGNORECASE)
"""An answer may repeat the path of the request, which ends with `/runs`."""
_BUSY = re.compile(r"in progress|(?:already|still) running", re.IGNORECASE)

INVALID_TOKEN = "100911"  # noqa: S105 - a code of an error
NOT_A_TOKENS_FAULT = frozenset({"100920", "100921", "100922"})
"""A header is missing, or the organisation is wrong or not entitled: a new token does not help."""


def detail(response: Response) -> str:
    """The partner's words about the error, on one line, without hashes and secrets."""
    said = document(response.body)
    if isinstance(said, dict):
        return _presentable(response.status, " ".join(_words(said)))
    return _presentable(response.status, _raw(response))


def words(response: Response) -> str:
    """Like `detail`, but without a body of unknown shape, which may hold a secret."""
    said = document(response.body)
    return _presentable(response.status, " ".join(_words(said)) if isinstance(said, dict) else "")


def code_of(response: Response) -> str | None:
    """The partner's number of the error, such as 100922, from any place in the body."""
    found = _CODE.search(_raw(response))
    return None if found is None else found[1]


def is_invalid_token(response: Response) -> bool:
    """Whether the answer says that the token is not accepted; the status may be 400."""
    code = code_of(response)
    if code is not None:
        return code == INVALID_TOKEN
    return response.status == 400 and _INVALID_TOKEN.search(_raw(response)) is not None


def is_budget(response: Response) -> bool:
    """Whether the answer says that the runs are used up; its status is not documented.

    A 429 may name any limit, so it must name runs. An answer that says that a run goes on is about
    one audience, even if it names a limit.
    """
    speaks_of_it = _OF_RUNS if response.status == 429 else _BUDGET
    is_one = 400 <= response.status < 500 and speaks_of_it.search(_raw(response)) is not None
    return is_one and not is_busy(response)


def is_busy(response: Response) -> bool:
    """Whether the answer says that a run of the audience goes on; its status is not documented."""
    return 400 <= response.status < 500 and _BUSY.search(_raw(response)) is not None


def is_page(response: Response) -> bool:
    """Whether the answer is an HTML page: then a proxy answered, and not the partner."""
    named = header(response.headers, "Content-Type") or ""
    is_markup = response.body[:256].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
    return is_markup or named.partition(";")[0].strip().lower() == "text/html"


def _raw(response: Response) -> str:
    return response.body[:LONGEST_RAW_TEXT].decode(errors="replace")


def _words(said: Mapping[str, object]) -> list[str]:
    return [text for name in _WORDS if (text := scalar_text(said.get(name) or None))]


def _presentable(status: int, text: str) -> str:
    return presentable(status, text, secrets=_SECRETS)
