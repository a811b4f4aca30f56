"""Pieces come out as they came in, in blocks that are worth a write."""

from collections.abc import AsyncIterator

from hypothesis import given
from hypothesis import strategies as st

from pipeline.storage.blocks import blocks


@given(st.lists(st.binary(max_size=40)), st.integers(1, 60))
async def test_blocks_are_the_same_bytes_and_large_but_for_the_last(
    given_pieces: list[bytes], size: int
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for piece in given_pieces:
            yield piece

    found = [block async for block in blocks(pieces(), size)]

    assert b"".join(found) == b"".join(given_pieces)
    assert all(size <= len(block) < size + 40 for block in found[:-1])
    assert all(found)
