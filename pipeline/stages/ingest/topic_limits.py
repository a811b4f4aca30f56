"""How large a record of each topic may be, as far as we know."""

from pipeline.stages.ports import RecordLimits


class TopicLimits:
    """The limits that the brokers name, lowered by the sizes that they have refused."""

    def __init__(self, limits: RecordLimits) -> None:
        self._limits = limits
        self._refused: dict[str, int] = {}
        self._known: dict[str, int] = {}

    def refresh(self) -> None:
        """Ask the brokers again: an operator may have changed a topic."""
        self._known.clear()

    def largest_record(self, topic: str) -> int:
        """Bytes of key, value and headers together."""
        known = self._known.get(topic)
        if known is None:
            known = self._limits.largest_record(topic)
            known = self._known[topic] = min(known, self._refused.get(topic, known))
        return known

    def refused(self, topic: str, size: int) -> None:
        """Note that a broker refused a message of this size, whatever limit it names."""
        self._refused[topic] = min(size - 1, self.largest_record(topic))
        self.refresh()
