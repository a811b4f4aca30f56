"""A function of somebody's own is a source like any other, and raises for nobody."""

import importlib.metadata
from importlib.metadata import EntryPoint, EntryPoints
from typing import Any

import pytest

from pipeline.domain.change import MembershipChange
from pipeline.domain.reasons import Ignored, Rejected
from pipeline.settings.problems import SettingsError
from pipeline.sources.functions import GROUP
from pipeline.sources.reading import SourceMessage
from tests.configuration.test_example_files import Example
from tests.sources.messages import Sent, reader

CHANGE = MembershipChange("high_value", "add", "u-1", None, [], None, 0)


def read(message: SourceMessage) -> Any:
    """
    What a package might declare.
    """
    match message.value:
        case b"ping":
            return Ignored("not_membership")
        case b"odd":
            return [CHANGE, "something else"]
        case b"none":
            return None
        case b"broken":
            raise RuntimeError("of ana@example.com")
        case _:
            return [CHANGE]


NO_FUNCTION = "a text"


@pytest.fixture(autouse=True)
def declared(monkeypatch: pytest.MonkeyPatch) -> None:
    """The entry points that an installed package would have."""
    places = {"acme": "read", "gone": "gone", "text": "NO_FUNCTION"}
    made = EntryPoints(
        EntryPoint(name, f"{__name__}:{place}", GROUP) for name, place in places.items()
    )
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda **_: made)
    monkeypatch.setattr("pipeline.sources.functions.entry_points", lambda **_: made)


def test_a_function_says_what_a_message_is() -> None:
    source = reader(format="python", function="acme")

    assert source(Sent(b"x")) == [CHANGE._replace(audience="vip")]
    assert source(Sent(b"ping")) == Ignored("not_membership")
    assert source(Sent(None)) == Ignored("tombstone")


@pytest.mark.parametrize("value", [b"odd", b"none", b"broken"])
def test_an_exception_and_anything_else_is_a_dead_letter_that_quotes_nothing(value: bytes) -> None:
    outcome = reader(format="python", function="acme")(Sent(value))

    assert isinstance(outcome, Rejected)
    assert "ana" not in outcome.detail


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("acm", "no entry point of this name is installed: 'acm'; did you mean 'acme'?"),
        ("gone", "cannot be loaded: 'gone'"),
        ("text", "is not a function: 'text'"),
    ],
)
def test_a_function_that_cannot_be_used_is_said_at_the_start(name: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said.replace("?", r"\?")):
        reader(format="python", function=name)


def test_a_message_of_too_many_bytes_never_reaches_it() -> None:
    outcome = reader(format="python", function="acme", largest_event_bytes=3)(Sent(b"long"))

    assert isinstance(outcome, Rejected)
    assert outcome.reason == "event_too_large"


def test_what_is_wrong_with_a_function_is_part_of_the_check_of_the_file() -> None:
    source = {"topic": "cdp", "format": "python", "function": "acm"}

    refusal = Example().put("sources", [source]).refusal()

    assert "sources[0].function: no entry point of this name is installed: 'acm'" in refusal
