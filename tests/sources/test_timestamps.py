from datetime import UTC, datetime, timedelta

from pipeline.sources import timestamps
from pipeline.sources.timestamps import epoch_milliseconds


def test_not_every_second_is_remembered_and_a_forgotten_one_is_read_again() -> None:
    start = datetime(2026, 11, 22, tzinfo=UTC)
    written = [f"{start + timedelta(seconds=second):%FT%TZ}" for second in range(10_000)]

    read = [epoch_milliseconds(text) for text in [*written, written[0], "yesterday" * 9]]

    first = int(start.timestamp()) * 1000
    assert read == [*range(first, first + 10_000_000, 1000), first, None]
    assert len(timestamps._seconds) <= 4_096
