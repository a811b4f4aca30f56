"""Turns JSON Pointers (RFC 6901) into functions."""

from collections.abc import Callable, Sequence

Lookup = Callable[[object], object]
"""Gives the value at a pointer; None for no value, null and an empty text."""


def tokens(pointer: str) -> Sequence[str] | None:
    """The unescaped names and places of a pointer; None if the text is no pointer.

    >>> tokens("/a~1b/0"), tokens(""), tokens("a")
    (['a/b', '0'], [], None)
    """
    if not pointer:
        return []
    if not pointer.startswith("/"):
        return None
    parts = pointer[1:].split("/")
    if any("~" in part.replace("~0", "").replace("~1", "") for part in parts):
        return None
    return [part.replace("~1", "/").replace("~0", "~") for part in parts]


def escaped(token: str) -> str:
    """A name, escaped for a pointer."""
    return token.replace("~", "~0").replace("/", "~1")


def lookup(pointer: str) -> Lookup:
    """A function that follows the pointer into any value; it never raises.

    >>> lookup("/a/0")({"a": ["x"]}), lookup("/a/b")({"a": "x"})
    ('x', None)
    """
    path = tokens(pointer)
    assert path is not None
    if len(path) == 1:
        return _one_deep(path[0])
    if len(path) == 2:
        return _two_deep(path[0], path[1])
    return _deep(path)


def _one_deep(name: str) -> Lookup:
    def found(root: object) -> object:
        try:
            value = root[name]  # type: ignore[index]
        except (KeyError, TypeError):
            value = walked(root, (name,))
        return None if value == "" else value

    return found


def _two_deep(first: str, second: str) -> Lookup:
    def found(root: object) -> object:
        try:
            value = root[first][second]  # type: ignore[index]
        except (KeyError, TypeError):
            value = walked(root, (first, second))
        return None if value == "" else value

    return found


def _deep(path: Sequence[str]) -> Lookup:
    def found(root: object) -> object:
        value = walked(root, path)
        return None if value == "" else value

    return found


def walked(value: object, path: Sequence[str]) -> object:
    """The value at a path: names lead into objects, and places into arrays."""
    for token in path:
        if type(value) is dict:
            value = value.get(token)
        elif type(value) is list:
            value = value[int(token)] if _is_place(token, len(value)) else None
        else:
            return None
    return value


def _is_place(token: str, length: int) -> bool:
    # RFC 6901 allows no leading zeros; `isdecimal` alone would allow digits of other scripts.
    has_leading_zero = len(token) > 1 and token[0] == "0"
    is_number = token.isascii() and token.isdecimal() and not has_leading_zero
    return is_number and len(token) < 10 and int(token) < length
