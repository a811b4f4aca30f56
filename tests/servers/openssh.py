"""A real OpenSSH server for tests, without a change to the system that it runs on."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.sandbox.server_process import ServerProcess, free_port
from tests.servers.downloads import filled, need, run

_PACKAGES = ["openssh-server", "libwrap0"]
_INSTALLED = Path("/usr/sbin/sshd")
_START_SECONDS = 20.0
_NOBODY = "nobody"

_CONFIGURATION = """
ListenAddress 127.0.0.1:{port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/accepted_keys
PidFile none
StrictModes no
UsePAM yes
PasswordAuthentication no
KbdInteractiveAuthentication no
Subsystem sftp internal-sftp
ForceCommand internal-sftp
"""


@dataclass(frozen=True, slots=True)
class OpenSsh:
    """A running server, and what a client needs."""

    port: int
    user: str
    private_key: Path
    known_hosts: Path
    files: Path
    """The folder that the user may write."""

    def give(self, path: Path) -> None:
        """Make a file or folder the user's."""
        _give(path)


@contextmanager
def openssh_server() -> Iterator[OpenSsh]:
    """
    It serves one user, who is never root: the one who runs the tests, else nobody.
    """
    need("ssh-keygen")
    # Not in pytest's folders: those are root's alone, and the server runs as somebody else.
    folder = Path(tempfile.mkdtemp(prefix="openssh-"))
    folder.chmod(0o755)
    try:
        port = free_port()
        server = _prepared(folder, port)
        _give(folder)
        process = ServerProcess(
            name="OpenSSH",
            command=_command(folder),
            port=port,
            environment=_environment(folder),
            answers=_speaks_ssh,
        )
        process.start(_START_SECONDS)
        try:
            yield server
        finally:
            process.kill()
    finally:
        shutil.rmtree(folder)


def _prepared(folder: Path, port: int) -> OpenSsh:
    files = folder / "files"
    files.mkdir()
    for name in ("host_key", "user_key"):
        keygen = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(keygen, check=True)
    (folder / "user_key.pub").rename(folder / "accepted_keys")
    host_key = (folder / "host_key.pub").read_text()
    known_hosts = folder / "known_hosts"
    known_hosts.write_text(f"[127.0.0.1]:{port} {host_key}")
    (folder / "sshd_config").write_text(_CONFIGURATION.format(port=port, folder=folder))
    if not _INSTALLED.exists():
        _unpack(folder)
    return OpenSsh(
        port=port,
        user=_NOBODY if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name,
        private_key=folder / "user_key",
        known_hosts=known_hosts,
        files=files,
    )


def _unpack(folder: Path) -> None:
    need("apt-get", "dpkg-deb")
    for package in filled("openssh-server", _download, os.environ).glob("*.deb"):
        run(["dpkg-deb", "-x", str(package), str(folder / "system")], folder)


def _download(folder: Path) -> None:
    # With lists of its own: those of the system may be empty, and are not ours to fill.
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    own = ["-o", f"Dir::State::Lists={folder / 'lists'}", "-o", f"Dir::Cache={folder / 'cache'}"]
    sandbox = ["-o", "APT::Sandbox::User="]
    run(["apt-get", *own, *sandbox, "update"], folder)
    run(["apt-get", *own, *sandbox, "download", *_PACKAGES], folder)
    shutil.rmtree(folder / "lists")
    shutil.rmtree(folder / "cache")


def _command(folder: Path) -> list[str]:
    sshd = _INSTALLED if _INSTALLED.exists() else folder / "system/usr/sbin/sshd"
    command = [str(sshd), "-D", "-e", "-f", str(folder / "sshd_config")]
    if os.geteuid() != 0:
        return command
    # As root it would ask for a user and a folder of the system, which its package makes.
    setpriv = shutil.which("setpriv")
    assert setpriv is not None
    user = pwd.getpwnam(_NOBODY)
    who = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    return [setpriv, *who, "--pdeathsig=SIGKILL", *command]


def _environment(folder: Path) -> Mapping[str, str]:
    libraries = (folder / "system/usr/lib").glob("*-linux-*")
    return {**os.environ, "LD_LIBRARY_PATH": ":".join(str(one) for one in libraries)}


def _give(path: Path) -> None:
    if os.geteuid() == 0:
        user = pwd.getpwnam(_NOBODY)
        for one in (path, *path.rglob("*")):
            os.chown(one, user.pw_uid, user.pw_gid, follow_symlinks=False)


def _speaks_ssh(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False
