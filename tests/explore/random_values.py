"""Random values of every kind: the same random gives the same ones."""

from random import Random
from typing import Any, Final

ODD_TEXTS: Final = (
    "",
    " ",
    "\x00",
    "\ud800",
    "\ufeffx",
    "a|b",
    "a;b",
    "../x",
    "%2e%2e/",
    "?a=b#c",
    "line\r\nbreak",
    "N/A",
    "null",
    "ﬃ",
    "İ",
    "e\u0301" * 40,
    "x" * 5_000,
    "1e999",
    "-0",
)
ODD_NUMBERS: Final = (
    0,
    -1,
    1,
    2**31,
    2**53 + 1,
    2**63 - 1,
    2**63,
    2**64,
    -(2**63) - 1,
    10**30,
    10**400,
    -(10**400),
    0.1,
    1e308,
    -1e308,
)


def some_bytes(random: Random, most: int = 60) -> bytes:
    """Bytes without a meaning."""
    return random.randbytes(random.randrange(most))


def some_text(random: Random) -> str:
    if random.random() < 0.5:
        return random.choice(ODD_TEXTS)
    return "".join(chr(random.randrange(1, 0xD7FF)) for _ in range(random.randrange(12)))


def some_json(random: Random, depth: int = 3) -> Any:
    """What JSON can hold, most of it small."""
    kind = random.randrange(8 if depth else 5)
    match kind:
        case 0:
            return None
        case 1:
            return random.random() < 0.5
        case 2:
            return random.choice(ODD_NUMBERS)
        case 3 | 4:
            return some_text(random)
        case 5:
            return random.randrange(10**6)
        case 6:
            return [some_json(random, depth - 1) for _ in range(random.randrange(4))]
        case _:
            return {
                some_text(random): some_json(random, depth - 1) for _ in range(random.randrange(4))
            }


def bent(random: Random, document: Any) -> Any:
    """A copy in which something, somewhere, is missing, doubled or something else."""
    if isinstance(document, dict) and document and random.random() < 0.9:
        name = random.choice(list(document))
        copy = dict(document)
        if random.random() < 0.15:
            del copy[name]
        elif isinstance(copy[name], dict | list) and random.random() < 0.6:
            copy[name] = bent(random, copy[name])
        else:
            copy[name] = some_json(random)
        return copy
    if isinstance(document, list) and document and random.random() < 0.9:
        place = random.randrange(len(document))
        return [*document[:place], bent(random, document[place]), *document[place + 1 :]]
    return some_json(random)
