from collections.abc import Sequence
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.identity.tc_string import LONGEST, decoded
from tests.fakes.consents import (
    DENYING_TCF,
    GRANTING_TCF,
    bitfield,
    core_bits,
    encoded,
    ranged,
    restrictions,
)

_VENDOR = 793
_PURPOSES = (1, 3, 4)

_BITFIELD = (
    "CQuFeUAQuFeUAAKACBDEC0FgAPLAAAAAAAYgJYLbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbQAAAAA"
)
_OLD = (
    "COvFyGBOvFyGBAbAAAENAPCAAOAAAAAAAAAAAEEUACCKAAA.IFoEUQQgAIQwgIwQABAEAAAAOIAACAIAAAAQ"
    "AIAgEAACEAAAAAgAQBAAAAAAAGBAAgAAAAAAAFAAECAAAgAAQARAEQAAAAAJAAIAAgAAAYQEAAAQmAgBC3ZA"
    "YzUw"
)

# As the IAB's own encoder (@iabtcf/core 1.5.6) writes them, and strings of its documentation;
# with whether vendor 793 is granted the purposes 1, 3 and 4.
PUBLISHED: dict[str, tuple[str, bool]] = {
    "ranges that name it": (GRANTING_TCF, True),
    "a range around it": ("CQuFeUAQuFeUAAKACBDEC0FgAPLAAAAAAAYgH0QAYFeAfQAAAAAA", True),
    "a bit for each of 1200 vendors": (_BITFIELD, True),
    "with disclosed vendors and the publisher's own purposes": (
        "CQuFeUAQuFeUAAKACBDEC0FgAPLAAAAAAAYgGMwAQGMgAAAA.IGMwAgF5gMZA.eAAAAAAAAUAA",
        True,
    ),
    "a restriction that asks for consent": (
        "CQuFeUAQuFeUAAKACBDEC0FgAPLAAAAAAAYgGMwAgF5gMZAAAACGgAgMZAAA",
        True,
    ),
    "a purpose forbidden that is not needed": (
        "CQuFeUAQuFeUAAKACBDEC0FgAPLAAAAAAAYgGMwAgF5gMZAAAACOAAgMZAAA",
        True,
    ),
    "a needed purpose forbidden to others": (
        "CQuFeUAQuFeUAAKACBDEC0FgAPLAAAAAAAYgGMwAgF5gMZAAAACGABALzAY0",
        True,
    ),
    "a needed purpose forbidden": (
        "CQuFeUAQuFeUAAKACBDEC0FgAPLAAAAAAAYgGMwAgF5gMZAAAACGAAgMZAAA",
        False,
    ),
    "a needed purpose on interest alone": (
        "CQuFeUAQuFeUAAKACBDEC0FgAPLAAAAAAAYgGMwAgF5gMZAAAACJAAwMWAxo",
        False,
    ),
    "all vendors but it": (
        "CQuFeUAQuFeUAAKACBDEC0FgAPLAAAAAAAYgJYQAoAAgYxAxoEsAAAAAAAAA",
        False,
    ),
    "vendors with small numbers": ("CQuFeUAQuFeUAAKACBDEC0FgAPLAAAAAAAYgAGOBQAAAAAAA", False),
    "no purpose 4": ("CQuFeUAQuFeUAAKACBDEC0FgAOAAAAAAAAYgGMwAQGMgAAAA", False),
    "legitimate interest": ("CQuFeUAQuFeUAAKACBDEC0FgAIAAAHIAAAYgF5wAQF5gYzABAYyAAAAA", False),
    "nothing granted": ("CQuFeUAQuFeUAAKACBDEC0FgAAAAAAAAAAYgAAAAAAAA", False),
    "the example of GPP's specification": (DENYING_TCF, False),
    "the example of TCF's specification": (
        "COtybn4PA_zT4KjACBENAPCIAEBAAECAAIAAAAAAAAAA",
        False,
    ),
    "one with an older date and disclosed vendors": (_OLD, False),
}

GARBAGE: dict[str, str] = {
    "nothing": "",
    "a word": "CONSENT_DENIED",
    "a long word": "CONSENT_GRANTED_FOR_ALL_PURPOSES_AND_ALL_VENDORS",
    "another": "CONSENTED",
    "the first 13 characters": GRANTING_TCF[:13],
    "a column cut at 40": GRANTING_TCF[:40],
    "one character less than its bits": GRANTING_TCF.rstrip("A")[:-1],
    "version 1": "BOyRmX5OyRmX5AAAAAENAAAAAAAAoAAA",
    "version 3": "D" + GRANTING_TCF[1:],
    "its filling": GRANTING_TCF + "=",
    "standard base64": GRANTING_TCF.replace("LA", "+/"),
    "a blank inside": GRANTING_TCF[:20] + " " + GRANTING_TCF[21:],
    "digits of another script": GRANTING_TCF[:-1] + "\u0661",
    "half a surrogate": GRANTING_TCF + "\ud800",
    "in quotes": f'"{GRANTING_TCF}"',
    "an empty segment": GRANTING_TCF + ".",
    "a publisher's segment cut short": GRANTING_TCF + ".YAAA",
    "disclosed vendors cut short": GRANTING_TCF + ".IGMwAgF5",
    "a segment of an unknown type": GRANTING_TCF + ".gAAAAAAAAAAAAAAA",
    "a second core": f"{GRANTING_TCF}.{GRANTING_TCF}",
    "segments without a core": ".IGMwAgF5gMZA",
    "a GPP string": f"DBABMA~{GRANTING_TCF}",
    "too long": GRANTING_TCF + "A" * LONGEST,
    "only As": "A" * 60,
    "only Cs": "C" * 60,
    "null": "null",
    "true": "true",
    "a number": "1",
}


def _grants(text: str) -> bool | None:
    said = decoded(text)
    return None if said is None else said.grants(_VENDOR, _PURPOSES)


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_string_says_what_its_encoder_wrote(name: str) -> None:
    text, granted = PUBLISHED[name]

    assert granted is _grants(text)


@pytest.mark.parametrize("name", GARBAGE)
def test_what_is_no_string_says_nothing(name: str) -> None:
    assert decoded(GARBAGE[name]) is None


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_string_cut_anywhere_says_nothing_or_what_it_said_whole(name: str) -> None:
    """Only its filling, and whole optional segments, may be missing unnoticed."""
    text, granted = PUBLISHED[name]

    for length in range(len(text)):
        assert _grants(text[:length]) in (None, granted), length


_ids = st.integers(1, 1500)
_ranges = st.lists(st.tuples(_ids, _ids).map(lambda pair: (min(pair), max(pair))), max_size=8)
_near = st.lists(st.sampled_from([(793, 793), (792, 794), (794, 800), (1, 792)]), max_size=3)
_chosen = st.sets(st.sampled_from([1, 2, 3, 4, 5, 7, 24]))
_rules = st.lists(
    st.tuples(st.sampled_from([1, 2, 3, 4, 24]), st.integers(0, 3), _near | _ranges), max_size=4
)


def _within(ranges: Sequence[tuple[int, int]]) -> bool:
    return any(first <= _VENDOR <= last for first, last in ranges)


@given(_chosen, _chosen, _near | _ranges, _ranges, st.booleans(), _rules)
def test_whatever_was_chosen_is_read_as_it_was_written(
    purposes: set[int],
    interests: set[int],
    vendors: list[tuple[int, int]],
    interested: list[tuple[int, int]],
    is_bitfield: bool,
    rules: list[tuple[int, int, list[tuple[int, int]]]],
) -> None:
    ids = {vendor for first, last in vendors for vendor in range(first, last + 1)}
    bits = core_bits(
        purposes=purposes,
        interests=interests,
        vendors=bitfield(ids) if is_bitfield else ranged(vendors),
        interested=ranged(interested),
        rules=restrictions(rules),
    )

    taken = {purpose for purpose, kind, ranges in rules if kind != 1 and _within(ranges)}
    assert _grants(encoded(bits)) is (
        _within(vendors) and purposes >= {1, 3, 4} and not taken & {1, 3, 4}
    )


@pytest.mark.parametrize(
    "bits",
    [
        core_bits(language=(26, 0)),
        core_bits(language=(0, 63)),
        core_bits(vendors=ranged([(0, 793)])),
        core_bits(vendors=ranged([(800, 793)])),
        core_bits(vendors=ranged([(1, 793)], largest=700)),
        core_bits(vendors=f"{793:016b}1{5:012b}"),
        core_bits(vendors=f"{65535:016b}0"),
        core_bits(rules=f"{4095:012b}"),
        core_bits(rules=restrictions([(3, 0, [(9, 1)])])),
    ],
)
def test_numbers_that_cannot_be_make_it_no_string(bits: str) -> None:
    assert decoded(encoded(bits)) is None


@given(st.text(max_size=80) | st.text("CPQAa1-_.~=", max_size=400))
def test_text_of_any_kind_is_decoded_without_a_raise(text: str) -> None:
    said = decoded(text)

    assert said is None or said.grants(_VENDOR, _PURPOSES) in (True, False)


def test_the_longest_string_takes_milliseconds() -> None:
    rules = [(3, 0, [(1, 1)] * 60)] * 80
    text = encoded(core_bits(rules=restrictions(rules)))
    assert LONGEST * 0.8 < len(text) <= LONGEST

    started = process_time()
    assert _grants(text) is True
    decoded(encoded(core_bits()) + ".A" * (LONGEST // 3))
    decoded("C" * LONGEST)
    assert process_time() - started < 0.5


def test_a_persons_choices_are_not_shown() -> None:
    assert "1" * 3 not in repr(decoded(GRANTING_TCF))
