"""The types of values that keys take; the error of each says what is allowed."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    Strict,
    ValidationInfo,
)
from pydantic_core import PydanticCustomError

from pipeline.identity.countries import country_code
from pipeline.settings.problems import Problem, SecretUnreadableError
from pipeline.settings.secrets import FileSecret, bare, is_header_text

LARGEST_IDENTIFIER = 2**63 - 1
"""The partner's ids are Java longs."""

_BROKER_HOST = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+(%[A-Za-z0-9._-]+)?\]")
"""A name, or an address; one of IPv6 in brackets."""

FOLDER = "folder"
"""The key of the validation context for the folder from which relative paths start."""

REDACTED = "redacted"
"""The key of the validation context for the beginnings of secrets: a tuple of texts."""


class Section(BaseModel):
    """A mapping of the file: frozen, unknown keys refused, values never in its errors."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True
    )


def refusal(what: str, remedy: str = "") -> PydanticCustomError:
    """The error of a value that is not allowed, in the words the user reads."""
    return PydanticCustomError("refused", "{what}", {"what": what, "remedy": remedy})


def refuse(problems: Iterable[Problem]) -> None:
    """Raise all problems at once, if there are any; paths start at the section that raises."""
    found = tuple(problems)
    if found:
        raise PydanticCustomError("inconsistent", "inconsistent", {"problems": found})


def _identifier(value: object) -> object:
    """Digits in quotes become a number: people quote ids over 2^53."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,19}", value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise refusal(
        "must be a whole number, an id of up to 63 bits",
        "copy only the id, with all its digits",
    )


def _country(value: str) -> str:
    meant = country_code(value)
    if meant == value:
        return value
    remedy = f"did you mean {meant!r}?" if meant else "write two capital letters, such as 'US'"
    raise refusal("must be a country code of ISO 3166-1 alpha-2", remedy)


def _topic_text(value: str) -> str:
    if re.fullmatch(r"[a-zA-Z0-9._-]{1,249}", value) and value not in {".", ".."}:
        return value
    raise refusal(
        "must make a legal topic name",
        "use 1 to 249 of the letters a-z and A-Z, digits, '.', '_' and '-'",
    )


def _destination_name(value: str) -> str:
    # No dot, because a dot splits the name of a lane into destination and connection. No double
    # underscore, because it separates the parts of an environment variable.
    if re.fullmatch(r"[a-zA-Z0-9]+([_-][a-zA-Z0-9]+)*", value):
        return value
    raise refusal(
        "must be a name for a destination",
        "use letters and digits, with single '-' or '_' between them, such as 'ads-na'",
    )


def _header_text(value: str) -> str:
    cleaned = bare(value)
    if is_header_text(cleaned):
        return cleaned
    raise refusal(
        "must be of visible ASCII characters without blanks",
        "copy it again: a line break or a blank may have come with it",
    )


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        is_address = bool(parts.hostname) and parts.port != 0
    except ValueError:  # an invalid port, or an invalid address in brackets
        raise _not_a_url() from None
    if parts.username is not None or parts.password is not None:
        raise refusal("must not hold a user or a password", "give credentials by their own keys")
    if not is_address or parts.scheme not in {"http", "https"} or parts.query or parts.fragment:
        raise _not_a_url()
    return value.rstrip("/")


def _not_a_url() -> PydanticCustomError:
    return refusal("must be a URL", "write it like 'https://host' or 'http://localhost:8080'")


def _bootstrap_servers(value: str) -> str:
    for server in (one.strip() for one in value.split(",")):
        if (scheme := re.match(r"[A-Za-z][A-Za-z0-9+._-]*://", server)) is not None:
            raise refusal(
                "must be a list of host:port, without an address scheme",
                f"remove {scheme[0]!r}; kafka.security_protocol decides the protocol",
            )
        host, _, port = server.rpartition(":")
        is_port = port.isascii() and port.isdecimal() and 0 < int(port) < 65536
        if not (is_port and _BROKER_HOST.fullmatch(host)):
            raise refusal(
                "must be a list of host:port", "write it like 'kafka-1:9092,kafka-2:9092'"
            )
    return value


def _file(value: object, info: ValidationInfo) -> Path:
    path = _resolved(value, info)
    try:
        path.open("rb").close()
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        raise refusal(reason, _looked_for(path, "mount it or correct the path")) from None
    return path


def _secret_file(value: object, info: ValidationInfo) -> Path:
    path = _resolved(value, info)
    if str(value).startswith(_context(info).get(REDACTED, ())):
        raise refusal("is a secret, not a path", "write the secret to a file, and give its path")
    try:
        FileSecret(path).read()
    except SecretUnreadableError as error:
        problem = error.problems[0]
        raise refusal(problem.what, _looked_for(path, problem.remedy)) from None
    return path


def _looked_for(path: Path, remedy: str) -> str:
    # Show only the folder: the user may have written the secret itself instead of a path.
    return f"looked for in {str(path.parent)!r}: {remedy}"


def _resolved(value: object, info: ValidationInfo) -> Path:
    if not isinstance(value, str | Path) or not str(value):
        raise refusal("must be the path of a file")
    return Path(_context(info).get(FOLDER, ".")) / value


def _context(info: ValidationInfo) -> Mapping[str, Any]:
    return info.context if isinstance(info.context, Mapping) else {}


Flag = Annotated[bool, Strict()]
Whole = Annotated[int, Strict()]
Count = Annotated[int, Strict(), Field(ge=1)]
Decimal = Annotated[float, Strict(), Field(allow_inf_nan=False)]
Positive = Annotated[float, Strict(), Field(gt=0, allow_inf_nan=False)]
Text = Annotated[str, Field(min_length=1)]
HeaderText = Annotated[
    str, AfterValidator(_header_text), Field(min_length=1, json_schema_extra={"pattern": r"\S"})
]
"""A text that goes into a header of every request."""
Hidden = Annotated[SecretStr, Field(min_length=1)]
Identifier = Annotated[
    int,
    BeforeValidator(
        _identifier,
        json_schema_input_type=Annotated[int, Field(ge=1, le=LARGEST_IDENTIFIER)]
        | Annotated[str, Field(pattern="^[0-9]{1,19}$")],
    ),
    Field(ge=1, le=LARGEST_IDENTIFIER),
]
Country = Annotated[
    str, AfterValidator(_country), Field(json_schema_extra={"pattern": "^[A-Z]{2}$"})
]
TopicText = Annotated[
    str,
    AfterValidator(_topic_text),
    Field(json_schema_extra={"pattern": "^[a-zA-Z0-9._-]{1,249}$"}),
]
DestinationName = Annotated[str, AfterValidator(_destination_name)]
Url = Annotated[str, AfterValidator(_url), Field(json_schema_extra={"pattern": "^https?://"})]
BootstrapServers = Annotated[str, AfterValidator(_bootstrap_servers)]
ReadableFile = Annotated[Path, BeforeValidator(_file, json_schema_input_type=str)]
SecretFile = Annotated[Path, BeforeValidator(_secret_file, json_schema_input_type=str)]
