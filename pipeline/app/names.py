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

    def lanes(self, topics: Iterable[str]) -> Mapping[str, str]:
        """Topic by lane, of all lanes among these topics: those, too, that nobody serves now."""
        prefix = f"{self.namespace}.records."
        return {
            topic.removeprefix(prefix): topic
            for topic in sorted(topics)
            if topic.startswith(prefix)
        }

    def group(self, stage: str) -> str:
        return f"{self.namespace}.{stage}"

    def transactional_id(self, topic: str, partition: int) -> str:
        return f"{self.namespace}.ingest.{topic}.{partition}"
