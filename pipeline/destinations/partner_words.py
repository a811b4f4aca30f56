"""What partners say, as it may be shown: short, on one line, and without what is secret."""

import re

LONGEST_DETAIL = 500
LONGEST_RAW_TEXT = 16_384
"""Looked through for secrets; far more than is shown, and never the megabytes of a whole answer."""


def presentable(status: int, text: str, *, secrets: re.Pattern[str]) -> str:
    """The status and the text on one line. Secrets go before the cut, or half of one could stay."""
    clean = secrets.sub("…", text[:LONGEST_RAW_TEXT])
    return " ".join(f"{status} {clean}".split())[:LONGEST_DETAIL]


def scalar_text(value: object) -> str:
    """A text or a number as text, and nothing of what is nested.

    Text is made of nested values by recursion, and the partner decides how deep they are.
    """
    return str(value) if isinstance(value, str | int | float) else ""


def status_word(value: object) -> str:
    """The word for a state as every contract spells it: in capitals. Another word stays another.

    A contract that is followed for years may come to say it otherwise, and a job that has ended
    would be asked for until it is given up.

    >>> status_word("Succeeded "), status_word("SUCCEED"), status_word({}), status_word(None)
    ('SUCCEEDED', 'SUCCEED', '', '')
    """
    said = scalar_text(value).strip()
    # Beyond ASCII, capitals of other letters would make a word that nobody said.
    return said.upper() if said.isascii() else said
