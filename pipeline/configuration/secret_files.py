"""The files of secrets that a configuration names, and who else may read them."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from stat import S_IROTH

from pydantic import BaseModel

from pipeline.settings.problems import KeyPath, dotted
from pipeline.settings.shape import holds_secret

_WITHOUT_ANOTHER_WAY = frozenset({"token_file", "key_file"})
"""Keys of secret files that have no partner key for the secret itself."""


def open_to_all(settings: BaseModel) -> Iterator[str]:
    """A line for each secret file that every user of the machine can read."""
    for path, file in secret_files(settings):
        if _is_open(file):
            yield (
                f"{dotted(path)}: every user of this machine can read it; run `chmod o-r {file}` "
                "(a secret mounted by Kubernetes: set its defaultMode to 0440)"
            )


def secret_files(node: object, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Path]]:
    """Every file that holds a secret, and the key that names it."""
    if isinstance(node, BaseModel):
        for name in type(node).model_fields:
            value = getattr(node, name)
            if isinstance(value, Path) and _is_secret(node, name):
                yield (*path, name), value
            yield from secret_files(value, (*path, name))
        return
    for key, value in _entries(node):
        yield from secret_files(value, (*path, key))


def _entries(node: object) -> Iterable[tuple[str | int, object]]:
    if isinstance(node, Mapping):
        return ((str(key), value) for key, value in node.items())
    return enumerate(node) if isinstance(node, tuple) else ()


def _is_secret(section: BaseModel, name: str) -> bool:
    other = type(section).model_fields.get(name.removesuffix("_file"))
    return name in _WITHOUT_ANOTHER_WAY or (other is not None and holds_secret(other.annotation))


def _is_open(file: Path) -> bool:
    try:
        return bool(file.stat().st_mode & S_IROTH)
    except OSError:  # the file is gone since it was checked; its next reader reports that
        return False
