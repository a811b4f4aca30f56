"""Names of our topics and groups, all from one key, so that no second group reads our lanes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Names:
    """All names in the cluster that begin with the namespace."""

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
        """The beginning of every lane's topic."""
        return f"{self.namespace}.records."

    def lanes(self, topics: Iterable[str]) -> Mapping[str, str]:
        """Return topic by lane, for all lanes among these topics, also those that nobody serves."""
        return {
            topic.removeprefix(self.lane_prefix): topic
            for topic in sorted(topics)
            if topic.startswith(self.lane_prefix)
        }

    def members(self, destination: str) -> str:
        """The topic of all memberships of a destination that takes snapshots."""
        return f"{self.namespace}.members.{destination}"

    def snapshots(self, destination: str) -> str:
        """The topic of the owner of a destination's snapshots."""
        return f"{self.namespace}.snapshots.{destination}"

    def snapshot_transactional_id(self, destination: str) -> str:
        return f"{self.namespace}.snapshot.{destination}"

    def group(self, stage: str) -> str:
        return f"{self.namespace}.{stage}"

    def transactional_id(self, topic: str, partition: int) -> str:
        return f"{self.namespace}.ingest.{topic}.{partition}"
