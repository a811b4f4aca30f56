"""What ingest writes without decoding it is what the codec reads."""

import orjson
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.member_record import (
    MemberRecord,
    Place,
    decode_member,
    encode_member,
    encode_removal,
    encode_rendered,
)

_texts = st.text(st.characters(exclude_categories=["Cs"]))
_times = st.integers(0, 10**15 - 1)
_places = st.builds(
    Place,
    st.from_regex(r"[A-Za-z0-9._-]{1,20}", fullmatch=True),
    *(st.integers(0, 2**63 - 1) for _ in range(3)),
)


@given(_times, _places, _texts, st.none() | _texts, st.lists(_texts))
def test_a_rendering_is_spliced_in_as_it_is(
    at_ms: int, place: Place, rendering: str, identity: str | None, cells: list[str]
) -> None:
    rendered = orjson.dumps({"r": rendering, "i": identity, "c": cells})

    value = encode_rendered(at_ms, str(place).encode(), rendered)

    said = MemberRecord(True, at_ms, place, rendering, identity, cells)
    assert decode_member(value) == said
    assert value == encode_member(said)


@given(_times, _places, st.booleans())
def test_a_remove_says_when_and_where_and_whether_consent_was_withdrawn(
    at_ms: int, place: Place, is_withdrawal: bool
) -> None:
    value = encode_removal(at_ms, str(place).encode(), is_withdrawal=is_withdrawal)

    said = MemberRecord(False, at_ms, place, is_withdrawal=is_withdrawal)
    assert decode_member(value) == said
    assert value == encode_member(said)
