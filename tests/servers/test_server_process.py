"""How broker processes start, fail, stop and end with the process that started them."""

import os
import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.sandbox.broker import EmbeddedBroker
from pipeline.sandbox.server_process import ServerProcess, ServerStartError, free_port
from tests.conftest import skip_unless_kafka_can_start
from tests.servers.apache_kafka import kafka_jars

_STARTS_A_BROKER_AND_HANGS = """
import sys, time
from pipeline.sandbox.broker import EmbeddedBroker
with EmbeddedBroker() as broker:
    print(broker.bootstrap_servers, flush=True)
    time.sleep(60)
"""


def server(*lines: str, platform: str = "linux", port: int | None = None) -> ServerProcess:
    """A server made of a few lines of Python."""
    return ServerProcess(
        name="the server",
        command=[sys.executable, "-c", "\n".join(lines)],
        port=port or free_port(),
        environment={},
        platform=platform,
    )


def accepts(bootstrap_servers: str) -> bool:
    host, port = bootstrap_servers.split(":")
    try:
        socket.create_connection((host, int(port)), timeout=2).close()
    except ConnectionRefusedError:
        return False
    return True


@contextmanager
def watched(pid: int) -> Iterator[int]:
    """A descriptor that becomes readable when the process ends."""
    descriptor = os.pidfd_open(pid)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


ANSWERS_EVERYTHING = (
    "import socket, sys",
    "listener = socket.create_server(('127.0.0.1', {port}))",
    "while True:",
    "    connection, _ = listener.accept()",
    "    connection.recv(100); connection.sendall(b'12345678')",
)


def answering_server(platform: str) -> ServerProcess:
    port = free_port()
    lines = [line.format(port=port) for line in ANSWERS_EVERYTHING]
    return server(*lines, platform=platform, port=port)


def test_the_embedded_broker_is_reachable_inside_its_context_only() -> None:
    with EmbeddedBroker() as broker:
        assert accepts(broker.bootstrap_servers)

    assert not accepts(broker.bootstrap_servers)


def test_two_embedded_brokers_do_not_meet() -> None:
    with EmbeddedBroker() as one, EmbeddedBroker() as other:
        assert one.bootstrap_servers != other.bootstrap_servers


def test_a_platform_without_the_broker_is_told_so_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CALF_TANSU_BIN", str(tmp_path / "missing"))

    with pytest.raises(ServerStartError, match="no embedded broker for") as caught:
        EmbeddedBroker()

    assert "\n" not in str(caught.value)


def test_a_server_that_ends_at_once_shows_what_it_wrote() -> None:
    broken = server("raise SystemExit('the disk is full')")

    with pytest.raises(ServerStartError, match=r"ended at once(?s:.*)the disk is full"):
        broken.start(within=20)

    assert broken.pid is None


def test_a_server_that_never_answers_is_given_up_and_ended() -> None:
    silent = server("import time; print('loading', flush=True); time.sleep(60)")

    with pytest.raises(ServerStartError, match=r"not ready within 0.5 s"):
        silent.start(within=0.5)

    assert silent.pid is None


def test_somebody_else_answering_on_the_port_is_not_taken_for_the_server() -> None:
    with EmbeddedBroker() as broker:
        port = int(broker.bootstrap_servers.split(":")[1])
        second = server("import time; time.sleep(60)", port=port)

        with pytest.raises(ServerStartError, match="another server answers"):
            second.start(within=20)

        assert second.pid is None


@pytest.mark.parametrize("platform", ["linux", "another"])
def test_a_server_stops_and_starts_again_on_its_port(platform: str) -> None:
    running = answering_server(platform)

    for _ in range(2):
        running.start(within=20)
        assert accepts(running.bootstrap_servers)
        running.stop(grace=20)
        assert not accepts(running.bootstrap_servers)


@pytest.mark.parametrize("platform", ["linux", "another"])
def test_stopping_and_killing_may_be_repeated(platform: str) -> None:
    running = answering_server(platform)
    running.start(within=20)

    running.kill()
    running.kill()
    running.stop(grace=20)

    assert not accepts(running.bootstrap_servers)


@pytest.mark.skipif(sys.platform != "linux", reason="by prctl")
def test_a_broker_ends_with_the_process_that_started_it_even_when_that_is_killed() -> None:
    command = [sys.executable, "-c", _STARTS_A_BROKER_AND_HANGS]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        address = parent.stdout.readline().strip()
        with watched(only_child_of(parent.pid)) as broker:
            assert accepts(address)

            parent.kill()

            assert select.select([broker], [], [], 20)[0], "the broker outlived its parent"
    assert not accepts(address)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_elsewhere_a_server_ends_when_its_end_of_the_pipe_is_let_go() -> None:
    running = answering_server("another")
    running.start(within=20)
    assert running.pid is not None

    with watched(only_child_of(running.pid)) as descriptor:
        running.kill()

        assert select.select([descriptor], [], [], 20)[0]


def test_a_free_port_is_none_the_system_gives_to_outgoing_connections() -> None:
    assert all(20_000 <= free_port() < 32_000 for _ in range(100))


def test_jars_that_are_there_are_used_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "kafka_2.13-4.3.0.jar").touch()

    assert kafka_jars({"AUDIENCE_KAFKA_LIB": str(tmp_path), "PATH": ""}) == tmp_path


def test_two_at_once_fetch_the_jars_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    maven_that(tmp_path, monkeypatch, "(folder / 'kafka_2.13-4.3.0.jar').touch()")
    wanted = {"AUDIENCE_KAFKA_LIB": str(tmp_path / "jars")}

    with ThreadPoolExecutor(max_workers=2) as threads:
        folders = set(threads.map(kafka_jars, [wanted, wanted]))

    assert folders == {tmp_path / "jars"}
    assert [jar.name for jar in (tmp_path / "jars").iterdir()] == ["kafka_2.13-4.3.0.jar"]
    assert (tmp_path / "calls").read_text() == "x"


def test_a_broken_download_is_reported_and_not_taken_for_jars(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    maven_that(
        tmp_path, monkeypatch, "(folder / 'kafka_2.13-4.3.0.jar').touch(); sys.exit('no network')"
    )
    wanted = {"AUDIENCE_KAFKA_LIB": str(tmp_path / "jars")}

    for _ in range(2):
        with pytest.raises(ServerStartError, match="no network"):
            kafka_jars(wanted)


@pytest.mark.parametrize(
    ("continuous_integration", "outcome"),
    [("true", pytest.fail.Exception), ("", pytest.skip.Exception)],
)
def test_without_java_tests_are_skipped_but_fail_in_continuous_integration(
    monkeypatch: pytest.MonkeyPatch, continuous_integration: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("CI", continuous_integration)

    with pytest.raises(outcome, match="needs Java"):
        skip_unless_kafka_can_start()


def maven_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, does: str) -> None:
    """Put a Maven on the path that leaves an `x` in `calls` each time, and takes a moment."""
    lines = [
        f"#!{sys.executable}",
        "import pathlib, sys, time",
        "folder = pathlib.Path(sys.argv[-1].partition('=')[2]); folder.mkdir(parents=True)",
        f"open({str(tmp_path / 'calls')!r}, 'a').write('x'); time.sleep(0.2)",
        does,
    ]
    maven = tmp_path / "mvn"
    maven.write_text("\n".join(lines))
    maven.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))


def only_child_of(pid: int) -> int:
    [child] = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(child)
