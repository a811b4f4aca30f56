"""The partner's words, in whatever shape they come."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.destinations.amazon_ads.errors import detail, words
from pipeline.destinations.partner_words import LONGEST_DETAIL

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["message", "errors", "details", "field", "requestId", "error", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)
HASH = "0aF9" * 16


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"message":"no"}', "400 no"),
        (b'{"message":"no","requestId":"r-1"}', "400 no (request r-1)"),
        (
            b'{"Message":"STRING_VALUE can not be converted to a Long"}',
            "400 STRING_VALUE can not be converted to a Long",
        ),
        (
            b'{"code":"BadRequest","details":"limit is too high"}',
            "400 limit is too high BadRequest",
        ),
        (
            b'{"message":"no","requestId":"r-1","errors":[{"errorType":"t","field":"f","message":"m"}]}',
            "400 no f: m (request r-1)",
        ),
        (
            b'{"error":"invalid_grant","error_description":"it is gone"}',
            "400 it is gone invalid_grant",
        ),
    ],
)
def test_each_of_the_six_shapes_is_read(body: bytes, said: str) -> None:
    assert said == detail(400, body)
    assert said == words(400, body)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "502"),
        (b"<html>\n  <b>Bad Gateway</b>\r\n</html>", "502 <html> <b>Bad Gateway</b> </html>"),
        (b"\xff\xfe", "502 ��"),
        (b'{"message":null}', "502"),
        (b'{"secret":"x"}', "502"),
    ],
)
def test_any_other_shape_shows_as_it_is(body: bytes, said: str) -> None:
    assert said == detail(502, body)


@pytest.mark.parametrize("body", [b"<html>", b'"Atza|x"', b'["secret"]', b'{"access_token":"x'])
def test_words_are_silent_about_any_other_shape(body: bytes) -> None:
    assert words(200, body) == "200"


@pytest.mark.parametrize("errors", [b"7", b'"x"', b"{}", b"[1,null]", b"true"])
def test_errors_of_another_shape_are_passed_over(errors: bytes) -> None:
    assert detail(400, b'{"message":"no","errors":' + errors + b"}") == "400 no"


@given(st.integers(0, LONGEST_DETAIL + 10))
def test_a_detail_is_short_and_half_a_hash_does_not_stay_at_its_end(before: int) -> None:
    said = detail(400, orjson.dumps({"message": "z" * before + " " + HASH}))

    assert len(said) <= LONGEST_DETAIL
    assert "0aF9" not in said


@pytest.mark.parametrize("secret", [HASH, "Atza|abc-1", "Atzr|abc", "amzn1.oa2-cs.v1.0a1b"])
def test_hashes_and_secrets_are_left_out(secret: str) -> None:
    for body in (f'{{"message":"bad {secret}, you"}}', f"bad {secret}, you"):
        assert detail(400, body.encode()) == "400 bad …, you"


@given(JSON)
def test_no_json_is_too_strange(said: object) -> None:
    assert detail(500, orjson.dumps(said)).startswith("500")
