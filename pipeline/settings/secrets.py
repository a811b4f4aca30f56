"""Secrets: never shown, and read again at each use if they are in a mounted file."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pydantic import SecretStr

from pipeline.settings.problems import Problem, SecretUnreadableError

INVISIBLE = "\ufeff\u200b\u2060"
"""Byte order mark, zero width space, word joiner: copying may add them around a value."""


class Secret(Protocol):
    """A value that may change while the program runs."""

    def read(self) -> str:
        """The present secret; SecretUnreadableError if its file holds none or cannot be read."""


@dataclass(frozen=True, slots=True)
class InlineSecret:
    """A secret from the environment or the configuration: it never changes while we run."""

    _value: SecretStr

    def read(self) -> str:
        return bare(self._value.get_secret_value())


@dataclass(frozen=True, slots=True)
class FileSecret:
    """A secret in a mounted file; read at every call, because platforms replace it in place."""

    path: Path

    def read(self) -> str:
        try:
            text = self.path.read_text(encoding="utf-8")
        except OSError as error:
            raise _unreadable(self.path, (error.strerror or "cannot be read").lower()) from None
        except UnicodeDecodeError:
            # The decoding error holds bytes of the secret, so it must not be chained.
            raise _unreadable(self.path, "is not UTF-8 text") from None
        value = bare(text)
        if (flaw := flaw_of(value)) is not None:
            raise _unreadable(self.path, flaw)
        return value


def bare(text: str) -> str:
    """A value without blanks, line ends and invisible marks around it: editors add them."""
    while (inner := text.strip().strip(INVISIBLE)) != text:
        text = inner
    return text


def flaw_of(value: str) -> str | None:
    """Why a value cannot be a secret (the value is not shown); None if it can."""
    if not value:
        return "is empty"
    return None if value.isprintable() else "holds a line break or an invisible character"


def is_header_text(value: str) -> bool:
    """Whether an HTTP header can carry this value: visible ASCII without blanks."""
    return bool(value) and value.isascii() and value.isprintable() and " " not in value


def secret(value: SecretStr | None, file: Path | None) -> Secret | None:
    """The secret from its value or its file, whichever is set; None if neither is."""
    if value is not None:
        return InlineSecret(value)
    return None if file is None else FileSecret(file)


def required(value: SecretStr | None, file: Path | None) -> Secret:
    """Like `secret`, once `pair_problems` has found that one of the two is set."""
    found = secret(value, file)
    assert found is not None
    return found


def pair_problems(name: str, value: SecretStr | None, file: Path | None) -> Iterator[Problem]:
    """Problems of a secret that must be given exactly once: as value or as file."""
    if value is not None and file is not None:
        remedy = f"keep one of {name} and {name}_file"
        yield Problem(path=(name,), what="is given twice", remedy=remedy)
    if value is not None and (flaw := flaw_of(bare(value.get_secret_value()))) is not None:
        remedy = "copy it again, the secret and nothing else"
        yield Problem(path=(name,), what=flaw, remedy=remedy)
    if value is None and file is None:
        remedy = f"set {name}_file to a mounted file, or {name} in the environment"
        yield Problem(path=(name,), what="is required and missing", remedy=remedy)


def _unreadable(path: Path, reason: str) -> SecretUnreadableError:
    problem = Problem(
        path=(), what=reason, remedy="mount a readable file that holds the secret and nothing else"
    )
    return SecretUnreadableError([problem], str(path))
