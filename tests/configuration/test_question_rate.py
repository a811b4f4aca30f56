"""Jobs that nobody can ask about pile up: the rate of questions follows the rate of uploads."""

from pathlib import Path

import pytest

from pipeline.configuration.load import settings_from
from tests.configuration.test_example_files import Example, destination, target


def example_with_audiences(count: int, **keys: object) -> Example:
    rows = [
        {"audience": f"a-{number}", "destinations": [target(audience_id=1 + number)]}
        for number in range(count)
    ]
    return Example().put("audiences", rows).put("destinations.amazon-na", destination(**keys))


@pytest.mark.parametrize(
    ("count", "keys", "said"),
    [
        (50, {"poll": {"requests_per_second": 5}}, "10.0 uploads a second that 50 audiences can"),
        (1, {"batch": {"max_records": 300}, "poll": {"requests_per_second": 9}}, "10.0 uploads"),
        (
            1,
            {"batch": {"max_bytes": 1_000_000}, "poll": {"requests_per_second": 0.5}},
            "1.2 uploads a second that 1 audience can make",
        ),
        (
            100,
            {"requests_per_second": 30},
            "deletes them: 10; set it to 21 or more, raise batch.linger_seconds, or lower requests",
        ),
    ],
)
def test_questions_that_cannot_keep_up_with_the_uploads_are_refused_with_the_figure(
    count: int, keys: dict[str, object], said: str
) -> None:
    refusal = example_with_audiences(count, **keys).refusal()

    start = "settings: destinations.amazon-na.poll.requests_per_second: cannot keep up with the "
    assert refusal.startswith(start)
    assert said in refusal


@pytest.mark.parametrize(
    ("count", "keys"),
    [
        (1, {}),
        (1_000, {}),
        (20, {"poll": {"requests_per_second": 5}}),
        (100, {"requests_per_second": 30, "poll": {"requests_per_second": 21}}),
        (100, {"requests_per_second": 30, "batch": {"linger_seconds": 11}}),
        (100, {"requests_per_second": 3, "poll": {"requests_per_second": 3}}),
    ],
)
def test_questions_that_keep_up_are_taken_and_so_are_the_defaults(
    count: int, keys: dict[str, object]
) -> None:
    assert (
        len(settings_from(example_with_audiences(count, **keys).document, Path()).audiences)
        == count
    )
