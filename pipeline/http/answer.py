"""Reads the answer to a request within bounds: a partner must not fill our memory."""

import zlib
from datetime import UTC, datetime

import aiohttp

from pipeline.destinations.exchange import Response, header, retry_after
from pipeline.http.trouble import said

LARGEST_ANSWER_BYTES = 16 * 1024 * 1024
"""More than a job with 10,000 invalid records needs."""
_WINDOW_BITS = {"gzip": 31, "x-gzip": 31, "deflate": 15}


class _Unreadable(Exception):
    """The body is too large, or its encoding is not the one that the header names."""


async def read_answer(reply: aiohttp.ClientResponse, most_bytes: int) -> Response:
    """Read an answer. Status and headers count even if the body fails; see `body_trouble`."""
    body, trouble = b"", None
    try:
        body = _decoded(
            await _content(reply, most_bytes), reply.headers.get("Content-Encoding", ""), most_bytes
        )
    except _Unreadable as error:
        trouble = str(error)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        trouble = said(error)
    headers = {name: _text(value) for name, value in reply.headers.items()}
    return Response(
        status=reply.status,
        headers=headers,
        body=body,
        wait=retry_after(header(headers, "Retry-After"), datetime.now(UTC)),
        body_trouble=trouble,
    )


def _text(value: str) -> str:
    """Return a header's value as valid text: the library keeps bytes that are not."""
    return value.encode(errors="surrogateescape").decode(errors="replace")


async def _content(reply: aiohttp.ClientResponse, most_bytes: int) -> bytes:
    pieces: list[bytes] = []
    size = 0
    async for piece in reply.content.iter_any():
        size += len(piece)
        if size > most_bytes:
            reply.close()
            raise _Unreadable(f"the answer is larger than {most_bytes} bytes")
        pieces.append(piece)
    return b"".join(pieces)


def _decoded(content: bytes, encodings: str, most_bytes: int) -> bytes:
    """Unpack the content, at most `most_bytes`: a small answer can unpack to any size."""
    encoding = encodings.strip().lower()
    if encoding in ("", "identity") or not content:
        return content
    if encoding not in _WINDOW_BITS:
        raise _Unreadable("the answer comes in an encoding that was not asked for")
    unpacker = zlib.decompressobj(wbits=_WINDOW_BITS[encoding])
    try:
        unpacked = unpacker.decompress(content, most_bytes + 1)
    except zlib.error:
        raise _Unreadable(f"the answer is not {encoding}, as its header says") from None
    if len(unpacked) > most_bytes:
        raise _Unreadable(f"the answer is larger than {most_bytes} bytes")
    if not unpacker.eof:
        raise _Unreadable("the answer was cut short")
    return unpacked
