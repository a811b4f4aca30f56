"""Sessions and requests for tests that speak real HTTP on loopback."""

import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver

from pipeline.destinations.exchange import Request
from pipeline.http.answer import LARGEST_ANSWER_BYTES
from pipeline.http.connections import connections
from pipeline.http.proxies import Proxy
from pipeline.http.session import Exchange, PartnerSession
from tests.fakes.partner import ScriptedPartner


@dataclass(slots=True)
class Lane:
    """Owned until somebody says otherwise, or until it was looked at so often."""

    is_lost: bool = False
    looks_left: int | None = None
    looks: int = 0
    is_seen_lost: bool = False
    """Whether somebody looked after it was lost."""

    @property
    def is_held(self) -> bool:
        self.looks += 1
        self.is_seen_lost = self.is_lost
        if self.looks_left is not None and self.looks > self.looks_left:
            return False
        return not self.is_lost


@asynccontextmanager
async def session_of(
    url: str,
    *,
    timeout: float = 20,
    told: Callable[[str, str, float], None] = lambda *_: None,
    connector: aiohttp.BaseConnector | None = None,
    resolver: AbstractResolver | None = None,
    tls: ssl.SSLContext | bool = True,
    proxy: Proxy | None = None,
    most_bytes: int = LARGEST_ANSWER_BYTES,
) -> AsyncIterator[PartnerSession]:
    if connector is None:
        async with connections(10, resolver=resolver, tls=tls) as http:
            yield PartnerSession(http, url, timeout, told, proxy=proxy, most_bytes=most_bytes)
        return
    async with aiohttp.ClientSession(connector=connector) as http:
        yield PartnerSession(http, url, timeout, told)


def post(*pieces: bytes) -> Request:
    return Request(endpoint="records", method="POST", path="/records", body=pieces)


def pieces_of(size: int) -> list[bytes]:
    """
    A body whose bytes tell where they belong, in pieces as large as records.
    """
    whole = b"".join(b"%07d," % number for number in range(size // 8 + 1))[:size]
    return [whole[start : start + 700] for start in range(0, size, 700)]


async def exchanged(
    playing: ScriptedPartner, size: int = 1000, lane: Lane | None = None, timeout: float = 20
) -> Exchange:
    async with session_of(playing.url, timeout=timeout) as session:
        return await session.exchange(post(*pieces_of(size)), {}, lane or Lane())


def made_certificate(folder: Path, *names: str) -> ssl.SSLContext:
    """
    A server's context with a fresh certificate for these names, signed by itself; its file is
    `cert.pem`.
    """
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl to make a certificate")
    key_type = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    alternatives = ",".join(f"DNS:{name}" for name in names)
    named = ["-subj", f"/CN={names[0]}", "-addext", f"subjectAltName={alternatives}"]
    subprocess.run(
        ["openssl", "req", "-x509", *key_type, "-days", "2", *named, *files],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context
