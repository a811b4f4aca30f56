"""Runs a server as a child process: starts it, waits until it is ready, and always stops it."""

import os
import secrets
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from typing import IO

_LOOPBACK = "127.0.0.1"
_GLANCE = 0.02  # seconds between two looks at a server that is not ready yet
_SHOWN_CHARACTERS = 4000  # of a failed server's output: a stack trace, not a day of logs

# The kernel kills the child when its parent ends for any reason. `exec` keeps this setting and the
# process id. `preexec_fn` could set it too, but is unsafe with threads. The parent may end before
# the setting is made, so check the parent afterwards.
_ON_LINUX = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() != int(sys.argv[1]):
    sys.exit("the process that wanted this server is gone")
os.execv(sys.argv[2], sys.argv[2:])
"""

# On other systems a helper process reads from a pipe, which closes when the parent ends.
_ELSEWHERE = """
import os, subprocess, sys, threading
server = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL)
def end():
    os.read(0, 1)
    server.terminate()
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        server.kill()
threading.Thread(target=end, daemon=True).start()
os._exit(server.wait())
"""


class ServerStartError(Exception):
    """A server could not be started; the message has its name, the reason and its output."""


class ServerProcess:
    """One server on a loopback port, as a child of this process.

    It ends with this process, even if this process is killed. On Linux it also ends with the
    *thread* that started it, so start it from a thread that lives long enough. It has its own
    session, so Ctrl-C in a terminal reaches only this process, which can finish its work before it
    stops the server.
    """

    def __init__(
        self,
        *,
        name: str,
        command: Sequence[str],
        port: int,
        environment: Mapping[str, str],
        platform: str = sys.platform,
        answers: Callable[[int], bool] | None = None,
    ) -> None:
        """`answers` tells whether the server on a port is ready; by default it asks for Kafka."""
        self.name = name
        self.port = port
        self._environment = dict(environment)
        self._command = list(command)
        self._platform = platform
        self._answers = answers or _speaks_kafka
        self._process: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None

    @property
    def bootstrap_servers(self) -> str:
        return f"{_LOOPBACK}:{self.port}"

    @property
    def pid(self) -> int | None:
        """The process to signal, or None if the server does not run.

        On Linux it is the server itself, on other systems the helper process.
        """
        return None if self._process is None else self._process.pid

    def start(self, within: float) -> None:
        """Start the server; returns when it answers in its protocol.

        This blocks, so call it outside an event loop. Raises `ServerStartError`, with the end of
        the server's output, if the server ends or is not ready within `within` seconds; then no
        process is left.
        """
        assert self._process is None, "stop it before starting it again"
        if self._answers(self.port):
            raise ServerStartError(f"{self.name}: another server answers on port {self.port}")
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 -- open for as long as the server runs
        self._process = self._spawn(self._output)
        deadline = time.monotonic() + within
        while not self._answers(self.port):
            if self._ended(_GLANCE):
                self._fail("ended at once")
            if time.monotonic() > deadline:
                self._fail(f"was not ready within {within:g} s")

    def stop(self, grace: float) -> None:
        """Ask the server to end; after `grace` seconds kill it. It may be called again."""
        if self._process is not None:
            self._signal(signal.SIGTERM)
            if not self._ended(grace):
                self._process.kill()
        self._forget()

    def kill(self) -> None:
        """End the server like a crash: on Linux by SIGKILL, on other systems like `stop`."""
        if self._process is not None:
            self._signal(signal.SIGKILL)
        self._forget()

    def _spawn(self, output: IO[bytes]) -> subprocess.Popen[bytes]:
        launcher = _ON_LINUX if self._platform == "linux" else _ELSEWHERE
        parent = str(os.getpid())
        return subprocess.Popen(  # noqa: S603 -- the command is ours, no part of it is user input
            [sys.executable, "-I", "-S", "-c", launcher, parent, *self._command],
            stdin=subprocess.DEVNULL if self._platform == "linux" else subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=self._environment,
            start_new_session=True,
        )

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        if self._process.stdin is None:
            self._process.send_signal(number)
        else:
            self._process.stdin.close()

    def _ended(self, within: float) -> bool:
        assert self._process is not None
        try:
            self._process.wait(within)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _fail(self, what: str) -> None:
        assert self._output is not None
        self._output.seek(0)
        written = self._output.read().decode(errors="replace").strip()
        self.kill()
        message = f"{self.name} {what} (port {self.port})"
        raise ServerStartError(f"{message}; it wrote:\n{written[-_SHOWN_CHARACTERS:]}")

    def _forget(self) -> None:
        if self._process is not None:
            self._process.wait()
            self._process = None
        if self._output is not None:
            self._output.close()
            self._output = None


def free_port() -> int:
    """A free loopback port, below the ranges that systems use for outgoing connections.

    A client that keeps calling a stopped server may get the server's port as its own, if the port
    is in such a range. Then the client talks to itself, and the server cannot start again.
    """
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as probe:
            try:
                probe.bind((_LOOPBACK, port))
            except OSError:
                continue
            return port


def _speaks_kafka(port: int) -> bool:
    """Whether a Kafka broker answers ApiVersions (version 0, which all of them speak)."""
    request = struct.pack(">hhih", 18, 0, 1, -1)
    try:
        with socket.create_connection((_LOOPBACK, port), timeout=2) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            return len(connection.recv(8)) > 0
    except OSError:
        return False
