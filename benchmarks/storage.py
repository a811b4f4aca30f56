"""What storing one file costs: seconds, seconds of the processor, and memory, each kind of storage.

    python -m benchmarks.storage [--megabytes 200] [--kinds folder sftp s3 gcs azure]

The servers are those of the tests, on this machine: what is measured is the client, beside a server
that shares the processor with it. Each file is stored by a process of its own, in pieces of 64 KB
as a pass over members makes them; memory is that process's greatest, beside the same process that
stores one piece.
"""

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import uvloop
from pydantic import TypeAdapter

from pipeline.destinations.snapshots import LandingZone
from pipeline.destinations.storage_settings import StorageSettings
from pipeline.storage.opening import opened
from tests.servers.object_stores import (
    AZURE_ACCOUNT,
    AZURE_KEY,
    azure_server,
    make_bucket,
    make_container,
    s3_dialect_server,
    s3_server,
)
from tests.servers.openssh import openssh_server

PIECE = b'"' + b"0123456789abcdef" * 4 + b'"\n'
PIECES_OF = 64 * 1024 // len(PIECE)
MEGABYTE = 1024 * 1024
NAME = "benchmark"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--kinds", nargs="+", choices=PLACES, default=list(PLACES))
    parser.add_argument("--store", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.store is not None:
        store(json.loads(options.store), options.megabytes)
        return
    print(f"{options.megabytes} MB  seconds  processor  memory MB  (one piece)")
    for kind in options.kinds:
        measure(kind, options.megabytes)


def measure(kind: str, megabytes: int) -> None:
    with PLACES[kind]() as settings:
        least = in_its_own_process(settings, 0)
        whole = in_its_own_process(settings, megabytes)
    print(
        f"{kind:>8} {whole['seconds']:8.2f} {whole['processor']:10.2f} {whole['memory']:10.0f} "
        f"{least['memory']:12.0f}"
    )


def in_its_own_process(settings: Mapping[str, object], megabytes: int) -> Mapping[str, float]:
    this = [sys.executable, "-m", "benchmarks.storage"]
    command = [*this, "--megabytes", str(megabytes), "--store", json.dumps(settings)]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    measured: Mapping[str, float] = json.loads(ran.stdout)
    return measured


def store(given: Mapping[str, object], megabytes: int) -> None:
    settings = TypeAdapter[StorageSettings](StorageSettings).validate_python(given)
    storage = opened(settings, landing_zone=nobody, clock=time.time)
    began, used = time.monotonic(), time.process_time()
    stored = uvloop.run(storage.put("audience/audience-1.csv", pieces(megabytes)))
    measured = {
        "seconds": time.monotonic() - began,
        "processor": time.process_time() - used,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "size": stored.size,
    }
    print(json.dumps(measured))


async def pieces(megabytes: int) -> AsyncIterator[bytes]:
    piece = PIECE * PIECES_OF
    for _ in range(max(1, megabytes * MEGABYTE // len(piece))):
        yield piece
        await asyncio.sleep(0)


async def nobody() -> LandingZone:
    raise NotImplementedError


@contextmanager
def folder() -> Iterator[Mapping[str, object]]:
    with tempfile.TemporaryDirectory() as path:
        yield {"kind": "folder", "path": path}


@contextmanager
def sftp() -> Iterator[Mapping[str, object]]:
    with openssh_server() as server:
        yield {
            "kind": "sftp",
            "host": "127.0.0.1",
            "port": server.port,
            "username": server.user,
            "private_key_file": str(server.private_key),
            "known_hosts_file": str(server.known_hosts),
            "path": str(server.files),
        }


@contextmanager
def s3() -> Iterator[Mapping[str, object]]:
    with s3_server() as address:
        make_bucket(address, NAME)
        keys = {"access_key_id": "id", "secret_access_key": "secret"}
        yield {"kind": "s3", "bucket": NAME, "endpoint_url": address, **keys}


@contextmanager
def gcs() -> Iterator[Mapping[str, object]]:
    with ExitStack() as stack:
        address = stack.enter_context(s3_dialect_server(authorises=False))
        make_bucket(address, NAME)
        account = Path(stack.enter_context(tempfile.TemporaryDirectory()), "account.json")
        who = {"client_email": "", "private_key": "", "private_key_id": ""}
        account.write_text(json.dumps({"gcs_base_url": address, "disable_oauth": True, **who}))
        place = {"endpoint_url": address, "service_account_file": str(account)}
        yield {"kind": "gcs", "bucket": NAME, **place}


@contextmanager
def azure() -> Iterator[Mapping[str, object]]:
    with azure_server() as address:
        make_container(address, NAME)
        place = {"account": AZURE_ACCOUNT, "container": NAME, "endpoint_url": address}
        yield {"kind": "azure_blob", **place, "account_key": AZURE_KEY}


PLACES: Mapping[str, Callable[[], AbstractContextManager[Mapping[str, object]]]] = {
    "folder": folder,
    "sftp": sftp,
    "s3": s3,
    "gcs": gcs,
    "azure": azure,
}

if __name__ == "__main__":
    main()
