"""Real servers of the three protocols of object stores, each with its data gone on exit."""

import base64
import hashlib
import hmac
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import formatdate
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from pipeline.sandbox.server_process import ServerProcess, free_port
from tests.servers.downloads import filled, need, run

_START_SECONDS = 60.0
_AZURITE = "azurite@3.35.0"
_S3PROXY_POM = Path(__file__).with_name("s3proxy.xml")

AZURE_ACCOUNT = "audiences"
AZURE_KEY = base64.b64encode(b"a key of the tests alone, 32 by").decode()
_AZURE_VERSION = "2021-08-06"

S3PROXY_KEY_ID = "key-of-tests"
S3PROXY_SECRET = "secret-of-tests"


@contextmanager
def s3_server() -> Iterator[str]:
    """
    Its address. It takes any credentials, and knows the rules of buckets.
    """
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with _running("moto", command, port) as address:
        yield address


@contextmanager
def azure_server() -> Iterator[str]:
    """
    The address of the account. It checks signatures, and when they expire.
    """
    need("node", "npm")
    fetch = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", _AZURITE]
    folder = filled(_AZURITE, lambda place: _ran(fetch, place), os.environ)
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="azurite-") as data:
        script = folder / "node_modules/azurite/dist/src/blob/main.js"
        options = ["--silent", "--disableTelemetry", "--skipApiVersionCheck"]
        place = ["--location", data, "--blobHost", "127.0.0.1", "--blobPort", str(port)]
        command = [_path("node"), str(script), *place, *options]
        accounts = {"AZURITE_ACCOUNTS": f"{AZURE_ACCOUNT}:{AZURE_KEY}"}
        with _running("Azurite", command, port, accounts) as address:
            yield f"{address}/{AZURE_ACCOUNT}"


@contextmanager
def s3_dialect_server(*, authorises: bool) -> Iterator[str]:
    """
    The address of a server of S3's protocol that other stores speak, too, with their own words.

    It checks signatures, or takes everybody.
    """
    need("java", "mvn")
    name = f"s3proxy-{hashlib.sha256(_S3PROXY_POM.read_bytes()).hexdigest()[:12]}"
    goal = "dependency:copy-dependencies"
    fetch = [_path("mvn"), "-q", "-B", "-f", str(_S3PROXY_POM), goal]
    jars = filled(
        name, lambda place: _ran([*fetch, f"-DoutputDirectory={place}"], place), os.environ
    )
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="s3proxy-") as data:
        properties = Path(data, "s3proxy.properties")
        properties.write_text(_s3proxy_properties(port, Path(data, "files"), authorises=authorises))
        java = ["java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        main = ["org.gaul.s3proxy.Main", "--properties", str(properties)]
        command = [_path(java[0]), *java[1:], "-cp", f"{jars}/*", *main]
        with _running("S3Proxy", command, port) as address:
            yield address


def _s3proxy_properties(port: int, files: Path, *, authorises: bool) -> str:
    files.mkdir()
    kind = "aws-v2-or-v4" if authorises else "none"
    return f"""
s3proxy.endpoint=http://127.0.0.1:{port}
s3proxy.authorization={kind}
s3proxy.identity={S3PROXY_KEY_ID}
s3proxy.credential={S3PROXY_SECRET}
jclouds.provider=filesystem-nio2
jclouds.filesystem.basedir={files}
jclouds.identity=unused
jclouds.credential=unused
"""


def make_bucket(address: str, bucket: str) -> None:
    """
    At a server that takes everybody.
    """
    with urlopen(Request(f"{address}/{bucket}", method="PUT", data=b"")):
        pass


def make_container(address: str, container: str) -> None:
    headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": _AZURE_VERSION}
    canonical = "".join(f"{name}:{value}\n" for name, value in headers.items())
    resource = f"/{AZURE_ACCOUNT}/{AZURE_ACCOUNT}/{container}\nrestype:container"
    plain = "PUT" + "\n" * 5 + "application/x-www-form-urlencoded" + "\n" * 7
    headers["Authorization"] = f"SharedKey {AZURE_ACCOUNT}:{_signed(plain + canonical + resource)}"
    url = f"{address}/{container}?restype=container"
    headers["Content-Type"] = "application/x-www-form-urlencoded"
    with urlopen(Request(url, method="PUT", data=b"", headers=headers)):
        pass


def sas_token(container: str, expires_s: float, permissions: str = "rwdl") -> str:
    """
    A signature that opens a container until then, as a partner hands it out.
    """
    expires = datetime.fromtimestamp(expires_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    resource = f"/blob/{AZURE_ACCOUNT}/{container}"
    parts = [permissions, "", expires, resource, "", "", "", _AZURE_VERSION, "c", *[""] * 7]
    signature = _signed("\n".join(parts))
    said = {"sv": _AZURE_VERSION, "sr": "c", "sp": permissions, "se": expires, "sig": signature}
    return urlencode(said)


def _signed(text: str) -> str:
    key = base64.b64decode(AZURE_KEY)
    return base64.b64encode(hmac.new(key, text.encode(), hashlib.sha256).digest()).decode()


@contextmanager
def _running(
    name: str, command: list[str], port: int, extra: dict[str, str] | None = None
) -> Iterator[str]:
    environment = {**os.environ, **(extra or {})}
    server = ServerProcess(
        name=name, command=command, port=port, environment=environment, answers=_speaks_http
    )
    server.start(_START_SECONDS)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()


def _speaks_http(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            return connection.recv(5) == b"HTTP/"
    except OSError:
        return False


def _ran(command: list[str], folder: Path) -> None:
    run(command, folder)


def _path(program: str) -> str:
    found = shutil.which(program)
    assert found is not None
    return found
