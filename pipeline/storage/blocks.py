"""Joins the pieces of a file into larger blocks, because each write costs a round trip."""

from collections.abc import AsyncGenerator, AsyncIterator

BLOCK_BYTES = 1024 * 1024


async def blocks(
    pieces: AsyncIterator[bytes], size: int = BLOCK_BYTES
) -> AsyncGenerator[bytes, None]:
    """Yield the same bytes in the same order; every block but the last has at least `size`."""
    gathered = bytearray()
    async for piece in pieces:
        gathered += piece
        if len(gathered) >= size:
            yield bytes(gathered)
            gathered.clear()
    if gathered:
        yield bytes(gathered)
