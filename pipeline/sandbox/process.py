"""Runs the pipeline as users do: the real command in its own process."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

LAST_LINES = 15
OWN_VARIABLES = "AUDIENCE_PIPELINE__"


class PipelineProcess:
    """One process of the pipeline, running or ended."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self._log = log

    @property
    def exit_code(self) -> int | None:
        """The exit code; None while the process runs."""
        return self._process.returncode

    async def stop(self, patience: float) -> int:
        """Ask it to drain; returns its exit code, -9 if it had to be killed after `patience`."""
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(patience):
                return await self._process.wait()
        except TimeoutError:
            self._process.kill()
            return await self._process.wait()

    def last_words(self) -> str:
        """The end of the process's log."""
        lines = self._log.read_text(errors="replace").splitlines()
        return "\n".join(lines[-LAST_LINES:])


def environment_of(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of the pipeline.

    It has no variables of the pipeline, because they would override the file, and no proxies,
    because the simulator is on this machine.
    """
    others = {
        name: value for name, value in environ.items() if not name.upper().startswith(OWN_VARIABLES)
    }
    return {**others, "no_proxy": "*"}


@asynccontextmanager
async def running(
    configuration: Path, log: Path, environ: Mapping[str, str], patience: float
) -> AsyncIterator[PipelineProcess]:
    """Start the pipeline; at the end of the block, stop it if it still runs."""
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "pipeline", "run", "--config", str(configuration)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment_of(environ),
            # Ctrl-C must reach only us, because we stop the pipeline in order.
            start_new_session=True,
        )
    running_one = PipelineProcess(process, log)
    try:
        yield running_one
    finally:
        await running_one.stop(patience)
