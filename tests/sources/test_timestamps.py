import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sources import timestamps
from pipeline.sources.timestamps import ISO_PATTERN, epoch_milliseconds

_NOON = 1_795_348_800_000


def test_not_every_second_is_remembered_and_a_forgotten_one_is_read_again() -> None:
    start = datetime(2026, 11, 22, tzinfo=UTC)
    written = [f"{start + timedelta(seconds=second):%FT%TZ}" for second in range(10_000)]

    read = [epoch_milliseconds(text) for text in [*written, written[0], "yesterday" * 9]]

    first = int(start.timestamp()) * 1000
    assert read == [*range(first, first + 10_000_000, 1000), first, None]
    assert len(timestamps._seconds) <= 4_096


@pytest.mark.parametrize(
    ("written", "milliseconds"),
    [
        ("2026-11-22T12:00:00Z", _NOON),
        ("2026-11-22T13:00:00+01:00", _NOON),
        ("2026-11-22T13:00:00+0100", _NOON),
        ("2026-11-22T04:30:00-07:30", _NOON),
        ("2026-11-22t12:00:00z", _NOON),
        ("2026-11-22 12:00:00Z", _NOON),
        ("2026-11-22 12:00:00+00", _NOON),
        ("2026-11-22 04:00:00-08", _NOON),
        ("2026-11-22 17:30:00.123456+05:30", _NOON + 123),
        ("2026-11-22 12:00:00.000 +0000", _NOON),
        ("2026-11-22 04:00:00.000 -0800", _NOON),
        ("2026-11-22 13:00:00.5000000 +01:00", _NOON + 500),
        ("2026-11-22T12:00:00 Z", _NOON),
        ("2026-11-22T12:00Z", _NOON),
        ("2026-11-22T12:00+00:00", _NOON),
        ("2026-11-22 13:00+01", _NOON),
        ("2026-11-22 12:00 -0000", _NOON),
        ("2026-11-22T12:00:00,916Z", _NOON + 916),
        ("2026-11-22 12:00:00,5+00", _NOON + 500),
        ("2026-11-22 13:00:00,123456789 +01:00", _NOON + 123),
        ("2026-11-22 12:00:00 UTC", _NOON),
        ("2026-11-22 12:00:00.916 UTC", _NOON + 916),
        ("2026-11-22T12:00UTC", _NOON),
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01 01:00:00+01", 0),
        ("1970-01-01T00:00:00-12:00", 43_200_000),
        ("2999-12-31T23:59:59.999Z", 32_503_679_999_999),
        (1, 1000),
        (32_503_679_999, 32_503_679_999_000),
        (32_503_679_999_999, 32_503_679_999_999),
        ("2026-11-22T12:00:00.9Z", _NOON + 900),
        ("2026-11-22T12:00:00.916374949Z", _NOON + 916),
        ("2026-11-22T05:00:00.916374949-07:00", _NOON + 916),
        (_NOON, _NOON),
        (_NOON / 1000, _NOON),
        (_NOON // 1000, _NOON),
        (1714592744.067, 1_714_592_744_067),
        (float(_NOON), _NOON),
    ],
)
def test_a_time_is_read_in_every_promised_form(written: object, milliseconds: int) -> None:
    assert milliseconds == epoch_milliseconds(written)


@pytest.mark.parametrize(
    "written",
    [
        None, True, "", "now", "2026-11-22", "2026-11-22T12:00:00", "20261122T120000Z",
        "2026-W47-7T12:00:00Z", "20261122T120000.000Z", "2026-02-30T12:00:00Z",
        "2026-11-22T24:00:00Z", "2026-11-22T12:60:00Z", "2026-11-22x12:00:00Z",
        "2026-11-22T12:00:00.0123456789Z", "2026-11-22T12:00:00+24:00", "2026-11-22T12:00:00+1:00",
        "\uff12026-11-22T12:00:00Z", "1969-12-31T23:59:59Z", "3000-01-01T00:00:00Z",
        "2026-11-22T12:00:00Z ", "2026-11-22T12:00:00Z\n", "1795348800000",
        "1970-01-01T00:00:00+00:01", "1970-01-01T05:29:59+05:30", "2999-12-31T23:59:59-00:01",
        "2026-11-22T12:00:00  Z", "2026-11-22T12:00:00 ", "2026-11-22T12:00:00 CET",
        "2026-11-22T12:00:00+0", "2026-11-22T12:00:00+000", "2026-11-22T12:00:00+00:60",
        "2026-11-22T12Z", "2026-11-22T12:00:Z", "2026-11-22T12:00:00.Z", "2026-11-22T12:00.5Z",
        "2026-11-22T12:00:00+utc", "2026-11-22T12:00:00ZZ", "2026-11-22T12:00:00+00Z",
        "2026-02-30 12:00+00", "2026-1-2 12:00:00+00", "9999-12-31 23:59:59+00",
        32_503_680_000, 99_999_999_999, 32_503_680_000_000, float("inf"), float("nan"),
        0, -1, 0.5, -0.0, -86_400, 10**14, _NOON * 1000, 1e30, [], {},
    ],
)  # fmt: skip
def test_what_states_no_instant_is_none(written: object) -> None:
    assert epoch_milliseconds(written) is None


@given(
    st.datetimes(datetime(1971, 1, 1), datetime(2999, 12, 31)),  # noqa: DTZ001 - offset follows
    st.integers(-23 * 60, 23 * 60),
    st.sampled_from("T "),
)
def test_a_time_is_the_instant_that_python_reads(
    moment: datetime, offset_minutes: int, mark: str
) -> None:
    moment = moment.replace(tzinfo=timezone(timedelta(minutes=offset_minutes)))

    expected = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)

    assert expected == epoch_milliseconds(moment.isoformat(sep=mark))


@given(
    st.datetimes(datetime(1971, 1, 1), datetime(2999, 12, 30)),  # noqa: DTZ001 - offset follows
    st.sampled_from(["minutes", "seconds", "milliseconds", "microseconds"]),
    st.sampled_from(["", " "]),
    st.sampled_from(["Z", "UTC", "+00", "-00", "+0000", "-00:00"]),
    st.sampled_from(".,"),
)
def test_a_time_in_utc_is_one_instant_however_its_offset_is_spelled(
    moment: datetime, precision: str, blank: str, offset: str, mark: str
) -> None:
    text = moment.isoformat(sep=" ", timespec=precision)
    plain = datetime.fromisoformat(text).replace(tzinfo=UTC)
    written = text.replace(".", mark) + blank + offset

    expected = (plain - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)

    assert expected == epoch_milliseconds(written)
    assert re.search(ISO_PATTERN, written)


@given(st.integers() | st.floats() | st.text(max_size=40) | st.from_regex(ISO_PATTERN))
def test_whatever_is_written_the_instant_is_none_or_from_1970_to_2999(written: object) -> None:
    instant = epoch_milliseconds(written)

    assert instant is None or 0 <= instant <= 32_503_680_000_000
