"""Sets up logging for us and all libraries: one format, one stream, no person and no secret."""

import logging
import re
import time
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from functools import lru_cache
from typing import Final, Literal, TextIO

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.types import Processor

Level = Literal["debug", "info", "warning", "error"]
Layout = Literal["json", "console"]

WITHHELD: Final = "[withheld]"

# At debug aiokafka prints keys, values and whole requests, so no setting of ours may ask for that.
CHATTY_LIBRARIES: Final = ("aiokafka", "aiohttp.access", "asyncio", "asyncssh")

REPEATED_SECONDS: Final = 10.0
"""While its broker is away a Kafka client logs the same line fifty times a second."""

_WITHHELD_WORDS: Final = frozenset(
    {"token", "secret", "password", "passphrase", "authorization", "credential", "credentials"}
    | {"cookie", "bearer", "email", "phone", "address", "street", "city", "postal", "birthday"}
    | {"identity", "identities", "member", "payload", "body", "value", "headers", "consent"}
)
_WITHHELD_NAMES: Final = frozenset(
    {"first_name", "last_name", "full_name", "user_id", "external_user_id", "record_key"}
)
# An operator must see the file of a secret, or the address that it comes from.
_HARMLESS_SUFFIXES: Final = ("_file", "_path", "_url", "_count", "_seconds")

_WITHHELD_TEXT: Final = re.compile(
    r"[^\s\"'<>=|:,;]+@[^\s\"'<>|,;]+\.[A-Za-z]{2,}"  # an address of a mailbox
    r"|\+\d[\d ().-]{6,}\d"  # a telephone number
    r"|(?i:\bbearer\s+[^\s\"']+)"
    r"|\b[0-9A-Fa-f]{64}\b"  # a hash of one of these
)


def configure(
    *,
    level: Level,
    layout: Layout,
    stream: TextIO,
    redacts: Iterable[str] = (),
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Send all lines of structlog and of the standard library to `stream`. Call once a process.

    Libraries that may print records log from warning on, whatever `level` is. A repeated line of
    theirs comes once in `REPEATED_SECONDS`, with the count of `held_back` ones. We never log
    secrets or persons. As a second protection, fields named after them, text that looks like them,
    and text that begins with one of `redacts` are blanked. Tracebacks show no local variables.
    """
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_formatter(layout, Withholding(redacts)))
    handler.addFilter(_LibraryRepeats(clock))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in CHATTY_LIBRARIES:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_describe(),
            structlog.stdlib.PositionalArgumentsFormatter(),
            ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )


class Withholding:
    """A processor that blanks secrets and persons, in nested fields too."""

    def __init__(self, redacts: Iterable[str] = ()) -> None:
        """`redacts`: beginnings of secrets."""
        secrets = (rf"\b{re.escape(one)}[^\s\"']+" for one in redacts)
        self._text = re.compile("|".join([_WITHHELD_TEXT.pattern, *secrets]))

    def __call__(
        self, _logger: object, _method: str, event: MutableMapping[str, object]
    ) -> Mapping[str, object]:
        return {name: self._field(name, value) for name, value in event.items()}

    def _field(self, name: str, value: object) -> object:
        return WITHHELD if value is not None and _is_withheld(name) else self._harmless(value)

    def _harmless(self, value: object) -> object:
        match value:
            case None | bool() | int() | float():
                return value
            case str():
                return self._text.sub(WITHHELD, value)
            case Mapping():
                return {
                    self._harmless(str(key)): self._field(str(key), each)
                    for key, each in value.items()
                }
            case list() | tuple() | set() | frozenset():
                return [self._harmless(each) for each in value]
            case BaseException():
                return f"{type(value).__name__}: {self._harmless(str(value))}"
            case _:
                # Bytes are payload, and the repr of another class may show anything.
                return f"<{type(value).__name__}>"


class Repetition:
    """Lets one line through in each interval for each key, so that an outage is not a flood."""

    def __init__(self, interval_seconds: float) -> None:
        self._interval = interval_seconds
        self._said_at: dict[str, float] = {}
        self._held_back: dict[str, int] = {}

    def admit(self, key: str, now: float) -> int | None:
        """Return how many lines were held back since the last one; None: hold this one back, too.

        `now`: monotonic seconds. Each key is remembered, so keys must come from a closed set.
        """
        said_at = self._said_at.get(key)
        if said_at is not None and now - said_at < self._interval:
            self._held_back[key] = self._held_back.get(key, 0) + 1
            return None
        self._said_at[key] = now
        return self._held_back.pop(key, 0)


class _LibraryRepeats(logging.Filter):
    """Limits how often one log statement of a library prints a line."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__()
        self._clock = clock
        self._repetition = Repetition(REPEATED_SECONDS)

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith(CHATTY_LIBRARIES):
            return True
        held_back = self._repetition.admit(f"{record.pathname}:{record.lineno}", self._clock())
        if held_back:
            record.held_back = held_back
        return held_back is not None


def _formatter(layout: Layout, withhold: Processor) -> ProcessorFormatter:
    return ProcessorFormatter(
        foreign_pre_chain=[*_describe(), structlog.stdlib.ExtraAdder()],
        processors=[
            ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            withhold,
            _renderer(layout),
        ],
    )


def _describe() -> Iterable[Processor]:
    return (
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    )


def _renderer(layout: Layout) -> Processor:
    if layout == "json":
        return structlog.processors.JSONRenderer()
    # Tracebacks are text already; if one is not, it must still not show local variables.
    return structlog.dev.ConsoleRenderer(
        colors=False, exception_formatter=structlog.dev.plain_traceback
    )


@lru_cache(maxsize=1024)
def _is_withheld(name: str) -> bool:
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+", "_", name).lower()
    if snake.endswith(_HARMLESS_SUFFIXES):
        return False
    if not _WITHHELD_WORDS.isdisjoint(snake.split("_")):
        return True
    return any(phrase in snake for phrase in _WITHHELD_NAMES)
