"""What the expressions of one event can see: the event, the item, the key, the headers."""

from collections.abc import Callable, Mapping
from typing import Final

from pipeline.sources.reading import SourceMessage

ReadKey = Callable[[bytes], object]
"""The key of a message as a value: parsed if it is JSON or has a schema, else text."""

_UNREAD: Final = object()
NO_ATTRIBUTES: Final[Mapping[str, object]] = {}


class Scope:
    """One event, or one item of it. Expressions read it; the first complaint is kept in it."""

    # Defaults of the class and no slots: one scope is made for each event, and of ten attributes
    # four are set.
    item: object = None
    """Where for_each is at."""
    item_name: str | None = None
    inner: object = None
    """What a format has found on its way and asks for again."""
    row: object = None
    """Of a table: the row after the change, or before it if it was deleted."""
    complaint: str | None = None
    """What is wrong with a part that a remove can do without."""
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
        """Of a CloudEvent, by the names of its Kafka headers."""
        self._read_key = read_key

    def at(self, item: object, name: str | None = None) -> "Scope":
        """The same event, at one item of it."""
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
        """The last header of this name as text, as Kafka's own clients take it."""
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
