"""How long transactions on the memberships have been open: a pass sees no record behind them.

Brokers end a transaction that its producer forgot. Nobody ends a hanging one. It stops the end to
which a pass reads, and no error shows it.
"""

from collections.abc import Mapping

from pipeline.stages.snapshot.ports import TopicLook


class OpenTransactions:
    """The open transactions of one topic. Times in seconds of any clock.

    An age counts from the first look to the last one: no age grows while the brokers are away.
    """

    def __init__(self) -> None:
        self._since: dict[int, tuple[int, float]] = {}
        """By partition: its stable end, and since when the end has been the same."""
        self._looked_at = 0.0

    def seen(self, look: TopicLook, now: float) -> None:
        """Take in the present ends of the partitions."""
        before, self._since, self._looked_at = self._since, {}, now
        for partition in look.with_more:
            end = look.ends[partition]
            was, since = before.get(partition, (end, now))
            self._since[partition] = (end, since if was == end else now)

    @property
    def ages(self) -> Mapping[int, float]:
        """Seconds by partition; a healthy transaction shows only for a moment."""
        return {number: self._looked_at - since for number, (_, since) in self._since.items()}

    @property
    def oldest(self) -> float:
        """Seconds; zero where none is open."""
        return max(self.ages.values(), default=0.0)
