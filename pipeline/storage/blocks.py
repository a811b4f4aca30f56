"""Pieces of a file, gathered into blocks of one size: each write costs a way to somewhere."""

from collections.abc import AsyncGenerator, AsyncIterator

BLOCK_BYTES = 1024 * 1024


async def blocks(
    pieces: AsyncIterator[bytes], size: int = BLOCK_BYTES
) -> AsyncGenerator[bytes, None]:
    """The same bytes in the same order, at least `size` of them at a time but for the last ones."""
    gathered = bytearray()
    async for piece in pieces:
        gathered += piece
        if len(gathered) >= size:
            yield bytes(gathered)
            gathered.clear()
    if gathered:
        yield bytes(gathered)
