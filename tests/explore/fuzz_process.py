"""The installed command as a process of a fuzz: started, asked, and ended."""

import asyncio
import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp

from pipeline.sandbox.process import environment_of
from pipeline.sandbox.server_process import free_port
from tests.acceptance.deployment import COMMAND

START_SECONDS = 90.0
_BAD_LINE: Final = re.compile(
    r"Traceback|internal:|never retrieved|nhandled|\"exception\"|\"critical\""
)
_COMMANDS: Final = (
    ("ledger",),
    ("ledger", "--json"),
    ("ledger", "--member", "u-1", "--audience", "audience-0"),
    ("jobs", "list", "--limit", "100000"),
    ("dead-letters", "list", "--limit", "100000"),
    ("lanes", "list"),
)


@dataclass(frozen=True, slots=True)
class FuzzedProcess:
    """The installed command with some of the stages."""

    stages: str
    popen: subprocess.Popen[bytes]
    port: int
    log: Path

    @classmethod
    def start(cls, config: Path, folder: Path, stages: str) -> "FuzzedProcess":
        log, port = folder / f"run-{stages.replace(',', '-')}.log", free_port()
        environment = {
            **environment_of(os.environ),
            "AUDIENCE_PIPELINE__ADMIN__PORT": str(port),
        }
        with log.open("wb") as output:
            popen = subprocess.Popen(
                [COMMAND, "run", "--config", str(config), "--stages", stages],
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
            )
        return cls(stages, popen, port, log)

    @property
    def code(self) -> int | None:
        return self.popen.poll()

    def bad_lines(self) -> Sequence[str]:
        text = self.log.read_text(errors="replace")
        return [
            f"{self.stages}: {line[:600]}" for line in text.splitlines() if _BAD_LINE.search(line)
        ]

    def end(self) -> None:
        self.popen.terminate()
        try:
            self.popen.wait(15)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()

    async def asked(self, path: str) -> tuple[int, bytes]:
        """What the admin endpoint says; 0 where it does not answer."""
        with suppress(aiohttp.ClientError, TimeoutError):
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session,
                session.get(f"http://127.0.0.1:{self.port}{path}") as reply,
            ):
                return reply.status, await reply.read()
        return 0, b""


async def until_ready(processes: Sequence[FuzzedProcess]) -> None:
    """The partner answers at random by now, so it is the groups that count, and no token."""
    async with asyncio.timeout(START_SECONDS):
        for process in processes:
            while True:
                code, said = await process.asked("/status")
                stages = json.loads(said).get("stages", {}) if code == 200 else {}
                if stages and all(stage["joined"] for stage in stages.values()):
                    break
                assert process.code is None, process.log.read_text()[-3000:]
                await asyncio.sleep(0.3)


async def states_of(processes: Sequence[FuzzedProcess]) -> Mapping[str, Mapping[str, object]]:
    states: dict[str, Mapping[str, object]] = {}
    for process in processes:
        code, said = await process.asked("/status")
        if code == 200:
            states |= json.loads(said)["lanes"]
    return states


def failed_commands(config: Path) -> Sequence[str]:
    """Those that end otherwise than with an answer: 0, or 1 where the sums do not add up."""
    asked = [
        subprocess.Popen(
            [COMMAND, *arguments, "--config", str(config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=environment_of(os.environ),
        )
        for arguments in _COMMANDS
    ]
    failed = []
    for arguments, process in zip(_COMMANDS, asked, strict=True):
        _, said = process.communicate()
        allowed = (0, 1) if arguments[0] == "ledger" else (0,)
        if process.returncode not in allowed or _BAD_LINE.search(said):
            failed.append(f"{' '.join(arguments)}: {process.returncode}: {said[-800:]}")
    return failed
