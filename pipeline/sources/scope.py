"""The values that expressions can read: the event, the item, the key, the headers."""

from collections.abc import Callable, Mapping
from typing import Final

from pipeline.sources.reading import SourceMessage

ReadKey = Callable[[bytes], object]
"""Reads the key of a message as a value: parsed if it is JSON or has a schema, otherwise text."""

_UNREAD: Final = object()
NO_ATTRIBUTES: Final[Mapping[str, object]] = {}


class Scope:
    """One event or one item of it, for expressions to read; it stores the first complaint."""

    # No slots, but defaults of the class: each event makes a scope, and sets only four of ten
    # attributes.
    item: object = None
    """The present item of for_each."""
    item_name: str | None = None
    inner: object = None
    """A value that a format found earlier and needs again."""
    row: object = None
    """For a table: the row after the change, or before it if the row was deleted."""
    complaint: str | None = None
    """The error in a part that a remove does not need."""
    _key: object = _UNREAD

    def __init__(
        self,
        message: SourceMessage,
        root: object,
        read_key: ReadKey,
        attributes: Mapping[str, object] = NO_ATTRIBUTES,
    ) -> None:
        self.message = message
        self.root = root
        self.attributes = attributes
        """The attributes of a CloudEvent, by the names of its Kafka headers."""
        self._read_key = read_key

    def at(self, item: object, name: str | None = None) -> "Scope":
        """The scope of one item of this event."""
        scope = Scope(self.message, self.root, self._read_key, self.attributes)
        scope.item, scope.item_name = item, name
        scope.row = self.row
        return scope

    def key(self) -> object:
        """The key as a value; None for none."""
        if self._key is _UNREAD:
            key = self.message.key
            self._key = None if key is None else self._read_key(key)
        return self._key

    def header(self, name: str) -> str | None:
        """The last header of this name as text, as Kafka's own clients choose it."""
        found: bytes | None = None
        for given, value in self.message.headers:
            if given == name:
                found = value
        if found is None:
            attribute = self.attributes.get(name)
            return attribute if isinstance(attribute, str) else None
        try:
            return found.decode()
        except UnicodeDecodeError:
            return None

    def complain(self, what: str) -> None:
        if self.complaint is None:
            self.complaint = what
