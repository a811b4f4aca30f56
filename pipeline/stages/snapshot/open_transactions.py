"""How long transactions on the memberships have been open: no pass sees what stands behind one.

Brokers end a transaction that its producer forgot. One that hangs is ended by nobody, and then the
end that a pass reads to stands still, in silence.
"""

from collections.abc import Mapping

from pipeline.stages.snapshot.ports import TopicLook


class OpenTransactions:
    """Of one topic. Times in seconds of any clock.

    An age counts from the first look to the last one: while brokers are away none grows.
    """

    def __init__(self) -> None:
        self._since: dict[int, tuple[int, float]] = {}
        """By partition: its stable end, and since when it has been there."""
        self._looked_at = 0.0

    def seen(self, look: TopicLook, now: float) -> None:
        """Take in where the partitions end now."""
        before, self._since, self._looked_at = self._since, {}, now
        for partition in look.with_more:
            end = look.ends[partition]
            was, since = before.get(partition, (end, now))
            self._since[partition] = (end, since if was == end else now)

    @property
    def ages(self) -> Mapping[int, float]:
        """Seconds, by partition; one that ends in good time is seen for a moment."""
        return {number: self._looked_at - since for number, (_, since) in self._since.items()}

    @property
    def oldest(self) -> float:
        """Seconds; zero where none is open."""
        return max(self.ages.values(), default=0.0)
