"""What ingest writes of an Adobe audience is a member record, whatever Adobe's package renders."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.destinations.adobe_audiences.partner import ADOBE_AUDIENCES
from pipeline.domain.member_record import (
    MemberRecord,
    Place,
    decode_member,
    encode_member,
    encode_rendered,
)
from pipeline.domain.reasons import Rendered
from tests.destinations import adobe

COLUMNS = [{"name": "tier", "from": "attributes.tier", "type": "string"}]


@given(st.text(max_size=20), st.booleans())
def test_a_rendering_of_adobe_is_a_member_record(tier: str, has_identity: bool) -> None:
    target = adobe.target(columns=COLUMNS)
    render = ADOBE_AUDIENCES.renderer(adobe.settings(), target)
    identities = [adobe.ANA] if has_identity else []
    change = adobe.change(attributes={"tier": tier}, identities=identities, country="US")

    rendered = render(change, None)

    assert isinstance(rendered, Rendered)
    value = encode_rendered(7, b"cdp/0/1/0", rendered.value)
    said = decode_member(value)
    assert isinstance(said, MemberRecord)
    assert (said.is_member, said.changed_at_ms, said.place) == (True, 7, Place("cdp", 0, 1, 0))
    assert (said.identity is not None) == has_identity
    assert decode_member(encode_member(said)) == said


@pytest.mark.parametrize("member_ids", ["as_is", "sha256"])
def test_a_remove_has_the_key_of_its_add(member_ids: str) -> None:
    settings = adobe.settings(member_ids=member_ids)
    render = ADOBE_AUDIENCES.renderer(settings, adobe.target())

    rendered = render(adobe.change(), None)

    assert isinstance(rendered, Rendered)
    assert rendered.member == ADOBE_AUDIENCES.member_id(settings, adobe.change().member_id)


@pytest.mark.parametrize("member", ["ana@example.com", "\ud800", "東京"])
def test_a_remove_by_an_id_that_no_add_may_have_writes_nothing_of_it_down(member: str) -> None:
    settings = adobe.settings()

    written = ADOBE_AUDIENCES.member_id(settings, member)

    assert member not in written
    assert written.isascii()
