"""The pipeline as its users run it: the real command, in a process of its own."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

LAST_LINES = 15
OWN_VARIABLES = "AUDIENCE_PIPELINE__"


class PipelineProcess:
    """One run of the pipeline that is in flight, or over."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self._log = log

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
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
        """The end of its log."""
        lines = self._log.read_text(errors="replace").splitlines()
        return "\n".join(lines[-LAST_LINES:])


def environment_of(environ: Mapping[str, str]) -> dict[str, str]:
    """What the pipeline finds in its environment.

    Variables meant for another run would change what the file says. The simulator is on this
    machine, where no proxy leads.
    """
    others = {
        name: value for name, value in environ.items() if not name.upper().startswith(OWN_VARIABLES)
    }
    return {**others, "no_proxy": "*"}


@asynccontextmanager
async def running(
    configuration: Path, log: Path, environ: Mapping[str, str], patience: float
) -> AsyncIterator[PipelineProcess]:
    """The pipeline, started; on leaving it has ended, by itself or because it was told to."""
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "pipeline", "run", "--config", str(configuration)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment_of(environ),
            # Ctrl-C is for us, who then stop it in order.
            start_new_session=True,
        )
    running_one = PipelineProcess(process, log)
    try:
        yield running_one
    finally:
        await running_one.stop(patience)
