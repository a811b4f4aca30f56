"""Log lines of ours and of every library: one form, one stream, and no person or secret in any."""

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
"""With its broker away a Kafka client says the same some fifty times a second."""

_WITHHELD_WORDS: Final = frozenset(
    {"token", "secret", "password", "passphrase", "authorization", "credential", "credentials"}
    | {"cookie", "bearer", "email", "phone", "address", "street", "city", "postal", "birthday"}
    | {"identity", "identities", "member", "payload", "body", "value", "headers", "consent"}
)
_WITHHELD_NAMES: Final = frozenset(
    {"first_name", "last_name", "full_name", "user_id", "external_user_id", "record_key"}
)
# A file that holds a secret, or the place it is fetched from, is what an operator has to know.
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
    """Send every line, of structlog and of the standard library, to `stream`; once a process.

    Lines of libraries that are known to print records stay at warning whatever `level` is,
    and what they repeat comes once in `REPEATED_SECONDS`, with how often it was `held_back`.
    Fields named after secrets or persons, and text that looks like one or begins as one of
    `redacts` does, are blanked: the second fence, behind not logging them at all. Tracebacks show
    no local variables.
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
    """A processor that blanks what names a secret or a person, in nested fields too."""

    def __init__(self, redacts: Iterable[str] = ()) -> None:
        """`redacts`: what secrets begin with."""
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
                # Bytes are payload, and a foreign repr may show anything.
                return f"<{type(value).__name__}>"


class Repetition:
    """Lets a line through once an interval for each key, so that an outage is not a flood."""

    def __init__(self, interval_seconds: float) -> None:
        self._interval = interval_seconds
        self._said_at: dict[str, float] = {}
        self._held_back: dict[str, int] = {}

    def admit(self, key: str, now: float) -> int | None:
        """How many lines were held back since the last one, or None while this one is to be too.

        `now` is monotonic seconds; keys come from a closed set, for each is remembered.
        """
        said_at = self._said_at.get(key)
        if said_at is not None and now - said_at < self._interval:
            self._held_back[key] = self._held_back.get(key, 0) + 1
            return None
        self._said_at[key] = now
        return self._held_back.pop(key, 0)


class _LibraryRepeats(logging.Filter):
    """Keeps a library's statement from saying the same again and again."""

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
    # Tracebacks are text by now; one that were not must still not show local variables.
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
