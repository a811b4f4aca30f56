"""Reads the partner's words from the six shapes of its error bodies."""

import re
from collections.abc import Mapping

from pipeline.destinations.exchange import document
from pipeline.destinations.partner_words import LONGEST_RAW_TEXT, presentable, scalar_text

MOST_ERRORS = 100
_WORDS = ("message", "Message", "details", "error_description", "error", "code")
_SECRETS = re.compile(r"[0-9a-fA-F]{64}|(?:Atz[a-z]\||amzn1\.oa2-cs\.)[^\s\"',;<>]+")
"""Hashes of personal data, tokens and client secrets that an answer may repeat."""


def detail(status: int, body: bytes) -> str:
    """The partner's words about the error, shortened; the raw text if the shape is unknown.

    The services behind the API differ: {message}, {message, requestId}, {Message},
    {code, details}, {message, requestId, errors: [...]} and {error, error_description}.
    Hashes and secrets are removed, because details go to logs and dead letters.
    """
    said = document(body)
    if isinstance(said, dict):
        return _presentable(status, " ".join(_words(said)))
    text = body[:LONGEST_RAW_TEXT].decode(errors="replace")
    return _presentable(status, text)


def words(status: int, body: bytes) -> str:
    """Like `detail`, but without a body of unknown shape, which may hold a secret."""
    said = document(body)
    return _presentable(status, " ".join(_words(said)) if isinstance(said, dict) else "")


def is_error(said: Mapping[str, object]) -> bool:
    """Whether a JSON object has one of the shapes of an error body."""
    return any(said.get(name) for name in (*_WORDS, "errors"))


def _words(said: Mapping[str, object]) -> list[str]:
    found = [text for name in _WORDS if (text := scalar_text(said.get(name) or None))]
    errors = said.get("errors")
    found += [
        f"{scalar_text(one.get('field'))}: {scalar_text(one.get('message'))}"
        for one in (errors[:MOST_ERRORS] if isinstance(errors, list) else ())
        if isinstance(one, dict)
    ]
    if request := scalar_text(said.get("requestId")):
        found.append(f"(request {request})")
    return found


def _presentable(status: int, text: str) -> str:
    return presentable(status, text, secrets=_SECRETS)
