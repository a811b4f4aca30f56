"""How large a batch and a record of each topic may be; the brokers refuse larger ones."""

from collections.abc import Mapping

LARGEST_BATCH = "max.message.bytes"
"""The topic setting for the bytes of one batch of records, as it is sent."""
USUAL_LARGEST_BATCH = 1_048_588
"""Its value unless somebody has changed it."""
WANTED_BATCH = 900_000
"""Bytes of one produce request for one topic, if the brokers allow it."""
LARGEST_REQUEST = 2 * WANTED_BATCH
"""The most that a producer accepts; a single record may be larger than a wanted batch."""
OVERHEAD_BYTES = 1_024
"""Allowance for a batch of one record, beside key, value and headers: 61 bytes for the batch, some
for lengths and each header, and a reserve."""


def largest_record(batch_bytes: int) -> int:
    """Return the most bytes of key, value and headers of a record in a batch of this size."""
    return max(0, min(batch_bytes, LARGEST_REQUEST) - OVERHEAD_BYTES)


class RecordLimits:
    """The limits of each topic, as they were when the process started."""

    def __init__(self, largest_batches: Mapping[str, int]) -> None:
        """`largest_batches`: the setting of each topic; other topics have the usual one."""
        self._largest_batches = largest_batches

    def largest_record(self, topic: str) -> int:
        """Return the most bytes of key, value and headers together of a record of this topic."""
        return largest_record(self._largest(topic))

    def batch_bytes(self, topic: str) -> int:
        """Return the most bytes of several records together in one batch."""
        return min(WANTED_BATCH, self._largest(topic) - OVERHEAD_BYTES)

    def _largest(self, topic: str) -> int:
        return self._largest_batches.get(topic, USUAL_LARGEST_BATCH)


USUAL_LIMITS = RecordLimits({})
