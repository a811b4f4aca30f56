"""Reads the partner's words out of its six shapes of error body."""

import re

import orjson

LONGEST_DETAIL = 500
_WORDS = ("message", "Message", "details", "error_description", "error", "code")
_SECRETS = re.compile(r"[0-9a-fA-F]{64}|(?:Atz[a-z]\||amzn1\.oa2-cs\.)[^\s\"',;<>]+")
"""Hashes of personal data, tokens and client secrets, should the partner repeat them."""


def detail(status: int, body: bytes) -> str:
    """What the partner says is wrong, shortened; the raw text when it is in no known shape.

    The services behind the API differ: {message}, {message, requestId}, {Message},
    {code, details}, {message, requestId, errors: [...]} and {error, error_description}.
    Hashes and secrets that it repeats are left out: details go to logs and dead letters.
    """
    said = _json(body)
    text = " ".join(_words(said)) if isinstance(said, dict) else body.decode(errors="replace")
    return _presentable(status, text)


def words(status: int, body: bytes) -> str:
    """As `detail`, but silent about a body in no known shape: that may hold what is secret."""
    said = _json(body)
    return _presentable(status, " ".join(_words(said)) if isinstance(said, dict) else "")


def _json(body: bytes) -> object:
    try:
        said: object = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return said


def _words(said: dict[str, object]) -> list[str]:
    found = [str(said[name]) for name in _WORDS if said.get(name)]
    errors = said.get("errors")
    found += [
        f"{one.get('field', '')}: {one.get('message', '')}"
        for one in (errors if isinstance(errors, list) else ())
        if isinstance(one, dict)
    ]
    if request := said.get("requestId"):
        found.append(f"(request {request})")
    return found


def _presentable(status: int, text: str) -> str:
    """One line. Secrets go before the cut, or half of one could stay."""
    return " ".join(f"{status} {_SECRETS.sub('…', text)}".split())[:LONGEST_DETAIL]
