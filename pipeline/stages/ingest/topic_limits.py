"""How large a record of each topic may be, as far as it is known by now."""

from pipeline.stages.ports import RecordLimits


class TopicLimits:
    """What the brokers say of their topics, and what they have refused all the same."""

    def __init__(self, limits: RecordLimits) -> None:
        self._limits = limits
        self._refused: dict[str, int] = {}
        self._known: dict[str, int] = {}

    def refresh(self) -> None:
        """Ask anew: an operator may have changed a topic."""
        self._known.clear()

    def largest_record(self, topic: str) -> int:
        """Bytes of key, value and headers together."""
        known = self._known.get(topic)
        if known is None:
            known = self._limits.largest_record(topic)
            known = self._known[topic] = min(known, self._refused.get(topic, known))
        return known

    def refused(self, topic: str, size: int) -> None:
        """A broker took no message of this size, whatever it says of its topic."""
        self._refused[topic] = min(size - 1, self.largest_record(topic))
        self.refresh()
