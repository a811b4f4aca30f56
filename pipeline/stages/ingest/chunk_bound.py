"""How many records and bytes go into one transaction."""

from pipeline.stages.ingest.chunk import Chunk

OUTPUT_OF_AN_EVENT = 10
"""The most records in a chunk for each event that is read for it."""
CHUNK_BYTES = 4_000_000
"""About the bytes of 5,000 usual records."""
SLICE_WORK = 250
"""Records rendered between two turns of the event loop, about 5 ms: lanes must not wait longer."""
PASSED_IN_A_ROW = 10
"""After so many good chunks a halved bound doubles again."""


class ChunkBound:
    """The bound of a chunk. It shrinks after a chunk that was too much, down to a single record."""

    def __init__(self, *, events: int, size: int = CHUNK_BYTES) -> None:
        """`events`: the most to read at once. `size`: the most bytes to write at once."""
        self._whole = (events, size)
        self._halvings = 0
        self._passed = 0
        self._apply()

    def _apply(self) -> None:
        events, size = self._whole
        self.records = max(1, events * OUTPUT_OF_AN_EVENT >> self._halvings)
        """The most records and dead letters."""
        self._bytes = size >> self._halvings
        self.events = min(events, self.records)
        """How many events to read at once."""
        self.slice = min(SLICE_WORK, self.records)
        """After so many records the event loop gets a turn, and an event may be cut."""

    def is_reached(self, chunk: Chunk) -> bool:
        """Whether the chunk ends here."""
        return chunk.records >= self.records or chunk.bytes >= self._bytes

    def passed(self) -> None:
        """Note that a chunk became durable."""
        self._passed += 1
        if self._halvings and self._passed >= PASSED_IN_A_ROW:
            self._halvings -= 1
            self._passed = 0
            self._apply()

    def halve(self) -> None:
        """Halve the bound: a chunk was too much for one transaction, or may have been."""
        self._passed = 0
        if self.records > 1:
            self._halvings += 1
            self._apply()

    def restore(self) -> None:
        """Take the whole bound again: the fault was one message, not the size of the chunk."""
        self._halvings = 0
        self._apply()
