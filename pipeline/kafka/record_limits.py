"""How large a batch and a record of each topic may be: the brokers refuse what is larger."""

from collections.abc import Mapping

LARGEST_BATCH = "max.message.bytes"
"""The setting of a topic: bytes of one batch of records, as it goes over the line."""
USUAL_LARGEST_BATCH = 1_048_588
"""Its value unless somebody has changed it."""
WANTED_BATCH = 900_000
"""Of one produce request for one topic, where the brokers allow it."""
LARGEST_REQUEST = 2 * WANTED_BATCH
"""What a producer takes at all; a record may be larger than a batch should be."""
OVERHEAD_BYTES = 1_024
"""Of a batch with one record, beside key, value and headers: 61 for the batch, some for lengths,
some for each header, and the rest so that nobody has to count."""


def largest_record(batch_bytes: int) -> int:
    """Bytes of key, value and headers that fit into one record of such a batch."""
    return max(0, min(batch_bytes, LARGEST_REQUEST) - OVERHEAD_BYTES)


class RecordLimits:
    """What each topic takes, as it was when the process started."""

    def __init__(self, largest_batches: Mapping[str, int]) -> None:
        """`largest_batches` has the setting of each topic; another has the usual one."""
        self._largest_batches = largest_batches

    def largest_record(self, topic: str) -> int:
        """Bytes that key, value and headers of a record of this topic may have together."""
        return largest_record(self._largest(topic))

    def batch_bytes(self, topic: str) -> int:
        """Bytes that several records in one batch may have together."""
        return min(WANTED_BATCH, self._largest(topic) - OVERHEAD_BYTES)

    def _largest(self, topic: str) -> int:
        return self._largest_batches.get(topic, USUAL_LARGEST_BATCH)


USUAL_LIMITS = RecordLimits({})
