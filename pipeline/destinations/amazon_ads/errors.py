"""Reads the partner's words out of its six shapes of error body."""

import orjson

LONGEST_DETAIL = 500
_WORDS = ("message", "Message", "details", "error_description", "error", "code")


def detail(status: int, body: bytes) -> str:
    """What the partner says is wrong, shortened; the raw text when it is in no known shape.

    The services behind the API differ: {message}, {message, requestId}, {Message},
    {code, details}, {message, requestId, errors: [...]} and {error, error_description}.
    """
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        said = None
    if not isinstance(said, dict):
        return f"{status} {body[:LONGEST_DETAIL].decode(errors='replace')}".strip()
    words = [str(said[name]) for name in _WORDS if said.get(name)]
    words += [
        f"{one.get('field', '')}: {one.get('message', '')}"
        for one in said.get("errors") or ()
        if isinstance(one, dict)
    ]
    if request := said.get("requestId"):
        words.append(f"(request {request})")
    return f"{status} {' '.join(words)}".strip()[:LONGEST_DETAIL]
