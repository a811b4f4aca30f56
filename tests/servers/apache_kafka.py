"""A real Apache Kafka for tests: one KRaft node on loopback, from jars that Maven fetches once."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from pipeline.sandbox.server_process import ServerProcess, ServerStartError, free_port

_POM = Path(__file__).with_name("pom.xml")
_CACHE = Path(__file__).parents[2] / ".kafka"
_CLUSTER_ID = "AudiencePipelineTestsA"  # 16 bytes in base64; a random one may begin with a hyphen,
# which the storage tool takes for an option
_DOWNLOAD_SECONDS = 600.0
_FORMAT_SECONDS = 60.0
_START_SECONDS = (
    60.0  # measured: 1.4, after a kill 5; the rest is for a machine that has much else to do
)
_STOP_SECONDS = 20.0  # measured: 0.2

# A test cluster lives for seconds, so the JVM starts fast rather than runs fast.
_JAVA = ["java", "-Xmx768m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
_LOGGING = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"

# One replica of everything. A killed broker is let in again when the session of its former self
# has expired: 3 s instead of 9. Everybody may do everything, but for what a test denies.
_PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={directory}/data
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=true
"""


class ApacheKafka:
    """One Apache Kafka broker with its own data, gone on exit.

    `stop` and `kill` keep the data, and `start` comes back with it on the same port, as a restarted
    or a crashed broker would. Every call blocks, so call them outside an event loop or in a thread
    that outlives the broker. Raises `ServerStartError`, with the end of the broker's log.
    """

    def __init__(self, jars: Path | None = None) -> None:
        """Take the jars from a folder, else from the cache, which is filled when it is empty."""
        self._jars = kafka_jars(os.environ) if jars is None else jars
        self._directory = Path(tempfile.mkdtemp(prefix="apache-kafka-"))
        self._settings = self._directory / "server.properties"
        self._server = ServerProcess(
            name="Apache Kafka",
            command=self._java("kafka.Kafka", str(self._settings)),
            port=free_port(),
            environment=os.environ,
        )

    @property
    def bootstrap_servers(self) -> str:
        return self._server.bootstrap_servers

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self._directory)

    def start(self) -> None:
        """Return when the broker answers; it may still be loading its groups for a moment."""
        if not self._settings.exists():
            self._format()
        self._server.start(_START_SECONDS)

    def stop(self) -> None:
        """Shut the broker down in order; the data stays."""
        self._server.stop(_STOP_SECONDS)

    def kill(self) -> None:
        """End the broker by SIGKILL; the data stays, and the next start recovers it."""
        self._server.kill()

    def restart(self) -> None:
        """Stop in order and start again, with the same data, at the same address."""
        self.stop()
        self.start()

    def flip_a_byte_of(self, topic: str, written: bytes, partition: int = 0) -> None:
        """Change one byte of what was written to a partition, as a bad disk would; stopped."""
        folder = self._directory / "data" / f"{topic}-{partition}"
        for segment in folder.glob("*.log"):
            data = bytearray(segment.read_bytes())
            at = data.find(written)
            if at >= 0:
                data[at] ^= 1
                segment.write_bytes(data)
                return
        raise ValueError(f"{written!r} is in no segment of {topic}")

    def _format(self) -> None:
        settings = _PROPERTIES.format(
            port=self._server.port, controller_port=free_port(), directory=self._directory
        )
        self._settings.write_text(settings)
        tool = ["kafka.tools.StorageTool", "format", "-t", _CLUSTER_ID, "-c", str(self._settings)]
        _run("formatting its storage", self._java(*tool), _FORMAT_SECONDS)

    def _java(self, *arguments: str) -> list[str]:
        executable = shutil.which(_JAVA[0])
        if executable is None:
            raise ServerStartError("Apache Kafka needs java on the path")
        return [executable, *_JAVA[1:], _LOGGING, "-cp", f"{self._jars}/*", *arguments]


def missing_for_apache_kafka(environment: Mapping[str, str]) -> str | None:
    """What this machine lacks to start one, or None."""
    if shutil.which("java") is None:
        return "Apache Kafka needs Java 17 or newer on the path"
    if shutil.which("mvn") is None and not _has_jars(_folder(environment)):
        return "Apache Kafka needs Maven on the path, or AUDIENCE_KAFKA_LIB with its jars"
    return None


def kafka_jars(environment: Mapping[str, str]) -> Path:
    """The folder with Kafka's jars, filled by Maven when it is empty.

    `AUDIENCE_KAFKA_LIB` names another folder than the cache. Several processes may ask at once:
    one fetches, the others wait. What a killed download left is never mistaken for a whole one.
    """
    folder = _folder(environment)
    if not _has_jars(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(folder.with_name(f"{folder.name}.lock")):
            if not _has_jars(folder):
                _fetch(folder)
    return folder


def _folder(environment: Mapping[str, str]) -> Path:
    given = environment.get("AUDIENCE_KAFKA_LIB")
    # Named after the content of the pom, so that another version is another folder.
    version = hashlib.sha256(_POM.read_bytes()).hexdigest()[:12]
    return Path(given).absolute() if given else _CACHE / version


def _has_jars(folder: Path) -> bool:
    return any(folder.glob("kafka_*.jar"))


def _fetch(folder: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise ServerStartError("Apache Kafka needs Maven on the path to fetch its jars")
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    goal = ["dependency:copy-dependencies", f"-DoutputDirectory={partial}"]
    _run("fetching its jars", [maven, "-q", "-B", "-f", str(_POM), *goal], _DOWNLOAD_SECONDS)
    partial.replace(folder)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run(what: str, command: list[str], within: float) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=within)
    except subprocess.CalledProcessError as error:
        written = f"{error.stdout}\n{error.stderr}".strip()
        raise ServerStartError(f"Apache Kafka: {what} failed; it wrote:\n{written}") from error
    except subprocess.TimeoutExpired as error:
        raise ServerStartError(f"Apache Kafka: {what} took more than {within:g} s") from error
