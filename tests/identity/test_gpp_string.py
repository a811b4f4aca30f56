from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.identity.gpp_string import LONGEST, opted_out, sections
from tests.fakes.consents import DENYING_TCF, GRANTING_TCF, encoded, fibonacci, gpp

# As the IAB's own encoder (@iabgpp/cmpapi 3.2.0) writes them, for each section of the United
# States: nobody opted out; of sale; of targeted advertising, or in California of sharing.
PUBLISHED: dict[int, tuple[str, str, str]] = {
    7: ("DBABLA~CFQqAAAAAABA.QA", "DBABLA~CFQaAAAAAABA.QA", "DBABLA~CFQpAAAAAABA.QA"),
    8: ("DBABBg~BUoAAABA.QA", "DBABBg~BUYAAABA.QA", "DBABBg~BUkAAABA.QA"),
    9: ("DBABRg~BFoAABA", "DBABRg~BFYAABA", "DBABRg~BFkAABA"),
    10: ("DBABJg~BFoAAEA.QA", "DBABJg~BFYAAEA.QA", "DBABJg~BFkAAEA.QA"),
    11: ("DBABFg~BFKAAAQA", "DBABFg~BFGAAAQA", "DBABFg~BFJAAAQA"),
    12: ("DBABVg~BFoAAAEA.QA", "DBABVg~BFYAAAEA.QA", "DBABVg~BFkAAAEA.QA"),
    13: ("DBABAw~BFoAAABA", "DBABAw~BFYAAABA", "DBABAw~BFkAAABA"),
    14: ("DBABQw~BFoAAABA.QA", "DBABQw~BFYAAABA.QA", "DBABQw~BFkAAABA.QA"),
    15: ("DBABIw~BFoAAAABAA.QA", "DBABIw~BFYAAAABAA.QA", "DBABIw~BFkAAAABAA.QA"),
    16: ("DBABEw~BFoAAAQA.QA", "DBABEw~BFYAAAQA.QA", "DBABEw~BFkAAAQA.QA"),
    17: ("DBABUw~BFoAAAABAA.QA", "DBABUw~BFYAAAABAA.QA", "DBABUw~BFkAAAABAA.QA"),
    18: ("DBABCw~BFKAAAQA.QA", "DBABCw~BFGAAAQA.QA", "DBABCw~BFJAAAQA.QA"),
    19: ("DBABSw~BFoAAAQA.QA", "DBABSw~BFYAAAQA.QA", "DBABSw~BFkAAAQA.QA"),
    20: ("DBABKw~BFoAAABA.QA", "DBABKw~BFYAAABA.QA", "DBABKw~BFkAAABA.QA"),
    21: ("DBABAYA~BFoAAAAAQA.QA", "DBABAYA~BFYAAAAAQA.QA", "DBABAYA~BFkAAAAAQA.QA"),
    22: ("DBABQYA~BFoAAAQA.QA", "DBABQYA~BFYAAAQA.QA", "DBABQYA~BFkAAAQA.QA"),
    23: ("DBABIYA~BFoAAAQA.QA", "DBABIYA~BFYAAAQA.QA", "DBABIYA~BFkAAAQA.QA"),
    24: ("DBABEYA~BQWg.QA", "DBABEYA~BQVg.QA", "DBABEYA~BQWQ.QA"),
    25: ("DBABUYA~BQWg.AAA", "DBABUYA~BQVg.AAA", "DBABUYA~BQWQ.AAA"),
    26: ("DBABCYA~BQWg.AAA", "DBABCYA~BQVg.AAA", "DBABCYA~BQWQ.AAA"),
    27: ("DBABSYA~BQWg.AAA", "DBABSYA~BQVg.AAA", "DBABSYA~BQWQ.AAA"),
}
SIGNALLED = (
    "DBABLA~CFQqAAAAAABA.YA", "DBABBg~BUoAAABA.YA", "DBABJg~BFoAAEA.YA", "DBABVg~BFoAAAEA.YA",
    "DBABQw~BFoAAABA.YA", "DBABIw~BFoAAAABAA.YA", "DBABEw~BFoAAAQA.YA", "DBABEYA~BQWg.YA",
)  # fmt: skip


def _choices(text: str) -> list[bool | None]:
    found = sections(text)
    assert found is not None
    return [opted_out(number, section) for number, section in found.items()]


@pytest.mark.parametrize("number", PUBLISHED)
def test_a_published_section_says_what_its_encoder_wrote(number: int) -> None:
    nobody, of_sale, of_advertising = PUBLISHED[number]

    found = sections(nobody)
    assert found is not None
    assert list(found) == [number]
    assert [_choices(text) for text in (nobody, of_sale, of_advertising)] == [
        [False], [True], [True]
    ]  # fmt: skip


@pytest.mark.parametrize("text", SIGNALLED)
def test_a_global_privacy_control_is_an_opt_out(text: str) -> None:
    assert _choices(text) == [True]


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("DBABLA~BVVVVVVVVWA.AA", True),  # version 1, where every choice is yes
        ("DBABLA~BAAAAAAAAAA.QA", False),
        ("DBABLA~BFQmAAAAAABA", True),  # of sharing
        ("DBABTA~1YYN", True),
        ("DBABTA~1YNN", False),
        ("DBABTA~1---", False),
        ("DBABTA~1yyn", True),
    ],
)
def test_the_older_forms_are_read(text: str, choice: bool) -> None:
    assert _choices(text) == [choice]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        (f"DBABMA~{DENYING_TCF}", [2]),
        (f"DBACNYA~{DENYING_TCF}~1YNN", [2, 6]),
        (f"DBABjw~{DENYING_TCF}~1YNN", [5, 6]),
        (f"DBACPeA~{GRANTING_TCF}.IAAA.YAAAAAAAAAAA~1YNN~CAAQAAAAAABA.QA", [2, 6, 7]),
        ("DBACONWA~" + "~".join(["x"] * 22), [2, *range(7, 28)]),
    ],
)
def test_a_header_numbers_its_sections_as_published(text: str, numbers: list[int]) -> None:
    found = sections(text)

    assert found is not None
    assert list(found) == numbers


@pytest.mark.parametrize(
    "text",
    [
        "", "DB", "DBAA", "DB_x~DENIED", "DENIED", "yes", "~", "~~", "DBABMA", "1YNN",
        f"DBABMA~{DENYING_TCF}~1YNN", f"DBACNYA~{DENYING_TCF}", f"CBABMA~{DENYING_TCF}",
        f"DCABMA~{DENYING_TCF}", f"DBABMA=~{DENYING_TCF}", f"DBAB~{DENYING_TCF}",
        f"DBAC~{DENYING_TCF}",
        f"DBABM\ud800~{DENYING_TCF}", DENYING_TCF, "DB" + "A" * LONGEST,
        encoded(f"{3:06b}{1:06b}{1:012b}1" + fibonacci(1) + fibonacci(2_000_000)) + "~x",
        encoded(f"{3:06b}{1:06b}{4095:012b}" + "0" + "0" * 400 + "11") + "~x",
        encoded(f"{3:06b}{1:06b}{0:012b}"),
    ],
)  # fmt: skip
def test_what_is_no_string_has_no_sections(text: str) -> None:
    assert sections(text) is None


@pytest.mark.parametrize(
    ("number", "section"),
    [
        (7, ""), (7, "DENIED"), (7, "B"), (7, "CFQaAA"), (7, "AFQaAAAAAABA"), (7, "xlgWEYCZAA"),
        (7, "CFQqAAAAAABA."), (7, "CFQqAAAAAABA.="), (8, "xlgWEYCZAA"), (8, "BUY"), (24, "BQ"),
        (6, ""), (6, "2YYN"), (6, "1YY"), (6, "1YYNN"), (6, "DENY"), (2, GRANTING_TCF), (5, "1YYN"),
        (28, "BFYAAAQA"), (0, "x"),
    ],
)  # fmt: skip
def test_a_section_of_another_region_or_cut_short_says_nothing(number: int, section: str) -> None:
    assert opted_out(number, section) is None


@given(st.dictionaries(st.integers(1, 60), st.text("AB.", max_size=6), min_size=1, max_size=20))
def test_sections_are_found_under_their_numbers(written: dict[int, str]) -> None:
    assert dict(sorted(written.items())) == sections(gpp(written))


@given(st.text(max_size=60) | st.text("DBAMCNY~a1.-_", max_size=60), st.integers(0, 30))
def test_text_of_any_kind_is_decoded_without_a_raise(text: str, number: int) -> None:
    assert sections(text) is None or sections(text)
    assert opted_out(number, text) in (None, True, False)


def test_the_longest_string_takes_milliseconds() -> None:
    started = process_time()
    sections("DB" + "A" * (LONGEST - 2))
    sections("DB__" + "~" * (LONGEST - 4))
    sections("DBAB" + "_" * (LONGEST - 6) + "~x")

    assert process_time() - started < 0.2
