"""Names of our topics and groups, all from one key: no second group must read the same lanes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Names:
    """Everything in the cluster that carries the namespace."""

    namespace: str

    @property
    def jobs(self) -> str:
        return f"{self.namespace}.jobs"

    @property
    def outcomes(self) -> str:
        return f"{self.namespace}.outcomes"

    @property
    def dead_letters(self) -> str:
        return f"{self.namespace}.dead-letters"

    @property
    def controls(self) -> str:
        return f"{self.namespace}.controls"

    @property
    def lane_prefix(self) -> str:
        """What the topic of every lane begins with."""
        return f"{self.namespace}.records."

    def lanes(self, topics: Iterable[str]) -> Mapping[str, str]:
        """Topic by lane, of all lanes among these topics: those, too, that nobody serves now."""
        return {
            topic.removeprefix(self.lane_prefix): topic
            for topic in sorted(topics)
            if topic.startswith(self.lane_prefix)
        }

    def members(self, destination: str) -> str:
        """All memberships of a destination that takes snapshots."""
        return f"{self.namespace}.members.{destination}"

    def snapshots(self, destination: str) -> str:
        """What is known of the snapshots of a destination, and of its memberships' topic."""
        return f"{self.namespace}.snapshots.{destination}"

    def snapshot_transactional_id(self, destination: str) -> str:
        return f"{self.namespace}.snapshot.{destination}"

    def group(self, stage: str) -> str:
        return f"{self.namespace}.{stage}"

    def transactional_id(self, topic: str, partition: int) -> str:
        return f"{self.namespace}.ingest.{topic}.{partition}"
