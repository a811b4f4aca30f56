"""One form for every line, and nobody's data in any of them."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from pipeline.telemetry.logs import (
    CHATTY_LIBRARIES,
    WITHHELD,
    Layout,
    Level,
    Repetition,
    Withholding,
    configure,
)

PERSON = "ana@example.com"


@pytest.fixture(autouse=True)
def _logging_is_put_back() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    quiet = {name: logging.getLogger(name).level for name in CHATTY_LIBRARIES}
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, was in quiet.items():
        logging.getLogger(name).setLevel(was)


def written(level: Level = "info", layout: Layout = "json") -> io.StringIO:
    stream = io.StringIO()
    configure(level=level, layout=layout, stream=stream, redacts=("Atza|", "Atzr|"))
    return stream


def lines_of(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_what_a_library_repeats_comes_once_an_interval_with_how_often_it_was_held_back() -> None:
    """
    A client whose broker is away would fill the disk; our own lines all come.
    """
    stream, now = io.StringIO(), [100.0]
    configure(level="info", layout="json", stream=stream, clock=lambda: now[0])
    library, ours = (
        logging.getLogger("aiokafka.conn"),
        logging.getLogger("pipeline.stages.upload.worker"),
    )

    for second in range(12):
        now[0] = 100.0 + second
        for node in range(3):
            library.error("no connection to node %s", node)
        ours.warning("lane blocked")

    lines = lines_of(stream)
    library_lines = [line for line in lines if line["logger"] == "aiokafka.conn"]
    assert [line.get("held_back") for line in library_lines] == [None, 29]
    assert len(lines) - len(library_lines) == 12


def test_a_line_of_ours_is_one_json_object_with_its_fields() -> None:
    stream = written()

    structlog.stdlib.get_logger("pipeline.stages.upload.worker").warning("lane blocked", records=40)

    [line] = lines_of(stream)
    assert line.pop("timestamp")
    assert line == {
        "event": "lane blocked",
        "level": "warning",
        "logger": "pipeline.stages.upload.worker",
        "records": 40,
    }


def test_a_line_of_a_library_has_the_same_form() -> None:
    stream = written()

    logging.getLogger("some.library").warning("gave up on %s", "node 1", extra={"attempts": 3})

    [line] = lines_of(stream)
    assert line.pop("timestamp")
    assert line == {
        "event": "gave up on node 1",
        "level": "warning",
        "logger": "some.library",
        "attempts": 3,
    }


def test_lines_below_the_level_are_not_written() -> None:
    stream = written("warning")

    structlog.stdlib.get_logger("ours").info("batch sent")
    logging.getLogger("theirs").info("connected")

    assert stream.getvalue() == ""


def test_configuring_again_replaces_the_first_stream() -> None:
    first = written()
    second = written()

    structlog.stdlib.get_logger("ours").info("batch sent")

    assert first.getvalue() == ""
    assert len(lines_of(second)) == 1


@pytest.mark.parametrize(
    "logger",
    ["aiokafka", "aiokafka.producer.producer", "aiokafka.conn", "aiohttp.access", "asyncio"],
)
def test_libraries_that_print_records_stay_quiet_even_at_debug(logger: str) -> None:
    stream = written("debug")

    logging.getLogger(logger).debug("Sending (key=%s value=%s)", b"vip|u-1001", b"plain data")
    logging.getLogger(logger).info("Request to broker: %s", b"plain data")

    assert stream.getvalue() == ""


def test_a_warning_of_the_kafka_client_is_still_heard() -> None:
    stream = written("debug")

    logging.getLogger("aiokafka.conn").warning("Got error produce response: %s", "NotLeader")

    assert [line["event"] for line in lines_of(stream)] == ["Got error produce response: NotLeader"]


@pytest.mark.parametrize(
    "field",
    [
        "token",
        "access_token",
        "refreshToken",
        "client_secret",
        "Authorization",
        "email",
        "member_email",
        "phone",
        "first_name",
        "lastName",
        "externalUserId",
        "member_id",
        "postal",
        "payload",
        "record-key",
        "consent",
    ],
)
@pytest.mark.parametrize("layout", ["json", "console"])
def test_a_field_named_after_a_secret_or_a_person_is_blanked(field: str, layout: Layout) -> None:
    stream = written(layout=layout)

    structlog.stdlib.get_logger("ours").info("said too much", **{field: "Ana-1001"})
    logging.getLogger("theirs").info("said too much", extra={field: "Ana-1001"})
    structlog.stdlib.get_logger("ours").info("said too much", deep=[{"er": {field: "Ana-1001"}}])

    assert "Ana-1001" not in stream.getvalue()
    assert stream.getvalue().count(WITHHELD) == 3


@pytest.mark.parametrize(
    "field",
    ["client_secret_file", "token_url", "audience", "connection", "reason", "topic", "state"],
)
def test_a_field_that_operators_need_is_kept(field: str) -> None:
    kept = Withholding()(None, "info", {field: "/run/secrets/amazon"})

    assert kept == {field: "/run/secrets/amazon"}


@pytest.mark.parametrize(
    "said",
    [
        PERSON,
        "+1 206 555 0100",
        "Atza|IwEBIabc-d_e",
        "Atzr|IwEBIabc-d_e",
        "Bearer IwEBIabc",
        "0b" * 32,
    ],
)
def test_text_that_looks_like_a_person_or_a_secret_is_blanked_wherever_it_stands(said: str) -> None:
    stream = written()

    logging.getLogger("theirs").warning("refused: %s", said)
    structlog.stdlib.get_logger("ours").warning("refused", detail=f"key={said}, offset 7")
    try:
        dict[str, str]()[said]
    except KeyError:
        logging.getLogger("theirs").exception("stopped")

    assert said not in stream.getvalue()
    assert stream.getvalue().count(WITHHELD) == 3
    assert "offset 7" in stream.getvalue()


@pytest.mark.parametrize(
    "said",
    [
        "2026-11-22T10:15:00+00:00",
        "audience.records.amazon-na.5a523424-0b6c-4d5e-8f90-a1b2c3d4e5f6",
        "offset 123456789012 of partition 3",
        "sasl://broker-1.example.com:9092",
    ],
)
def test_text_that_operators_need_is_kept(said: str) -> None:
    assert Withholding()(None, "info", {"detail": said}) == {"detail": said}


@pytest.mark.parametrize("layout", ["json", "console"])
def test_a_traceback_shows_where_and_no_local_variables(layout: Layout) -> None:
    stream = written(layout=layout)

    def render(person: str) -> None:
        raise ValueError(f"no usable identity of {len(person)} letters")

    try:
        render(PERSON)
    except ValueError:
        structlog.stdlib.get_logger("ours").exception("stopped")
        logging.getLogger("theirs").exception("stopped")

    assert stream.getvalue().count("ValueError: no usable identity of 15 letters") == 2
    assert "in render" in stream.getvalue()
    assert PERSON not in stream.getvalue()


def test_a_key_of_a_nested_field_is_looked_at_too() -> None:
    assert Withholding()(None, "info", {"seen": {PERSON: 1}}) == {"seen": {WITHHELD: 1}}


def test_bytes_and_foreign_objects_are_named_by_their_type_only() -> None:
    class Person:
        def __repr__(self) -> str:
            return "Ana Diaz"

    assert Withholding()(None, "info", {"read": b"Ana Diaz", "of": Person()}) == {
        "read": "<bytes>",
        "of": "<Person>",
    }


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    )
)
def test_whatever_is_logged_becomes_a_line_of_json(anything: object) -> None:
    stream = written()

    structlog.stdlib.get_logger("ours").info("odd", anything=anything)

    assert len(lines_of(stream)) == 1


def test_a_repeated_line_is_let_through_once_an_interval_and_says_how_many_were_held() -> None:
    repetition = Repetition(interval_seconds=60)

    admitted = [repetition.admit("broker away", now) for now in (0, 1, 59.9, 60, 61, 200)]

    assert admitted == [0, None, None, 2, None, 1]


def test_one_repeated_line_does_not_silence_another() -> None:
    repetition = Repetition(interval_seconds=60)

    assert repetition.admit("broker away", 0) == 0
    assert repetition.admit("token refused", 0) == 0
