"""Makes a partner's words safe to show: short, on one line, and without secrets."""

import re

LONGEST_DETAIL = 500
LONGEST_RAW_TEXT = 16_384
"""How much of a text is searched for secrets: more than is shown, but not megabytes."""


def presentable(status: int, text: str, *, secrets: re.Pattern[str]) -> str:
    """The status and the text on one line. Secrets are removed before the cut, not halved by it."""
    clean = secrets.sub("…", text[:LONGEST_RAW_TEXT])
    return " ".join(f"{status} {clean}".split())[:LONGEST_DETAIL]


def scalar_text(value: object) -> str:
    """A text or a number as text; "" for nested values.

    Nested values become text by recursion, and the partner decides how deep they are.
    """
    return str(value) if isinstance(value, str | int | float) else ""


def status_word(value: object) -> str:
    """The word of a state in capitals, as every contract spells it; never a different word.

    A partner may change the letter case some day; then a finished job would be asked about until
    it is given up.

    >>> status_word("Succeeded "), status_word("SUCCEED"), status_word({}), status_word(None)
    ('SUCCEEDED', 'SUCCEED', '', '')
    """
    said = scalar_text(value).strip()
    # Only ASCII: capitals of other letters could make a word that the partner did not say.
    return said.upper() if said.isascii() else said
