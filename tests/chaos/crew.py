"""The processes of a storm: each one known by a client id of its own, none forgotten."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.plan import ROLES, Roles

COMMAND = str(Path(sys.executable).with_name("audience-pipeline"))
CLIENT_ID = "AUDIENCE_PIPELINE__DESTINATIONS__AMAZON_NA__CLIENT_ID"
INSTANCE_ID = "AUDIENCE_PIPELINE__KAFKA__INSTANCE_ID"
LONGEST_START_SECONDS = LONGEST_STOP_SECONDS = 40


@dataclass(slots=True, eq=False)
class Hand:
    """One process of the installed command."""

    name: str
    roles: Roles
    process: subprocess.Popen[bytes]
    identity: str
    """What a platform of stable identities calls it; its successor is called the same."""
    is_leaving: bool = False
    """Somebody has asked it to end, or is about to end it."""
    is_frozen: bool = False


@dataclass(slots=True)
class Crew:
    """Starts, strikes and ends processes; notices those that end by themselves."""

    config: Path
    folder: Path
    static: bool
    """Members of their groups by identity (`kafka.instance_id`), not by process."""
    hands: list[Hand] = field(default_factory=list)
    exits: list[tuple[str, int]] = field(default_factory=list)
    """Of those that were asked to end."""
    deserters: list[tuple[str, int]] = field(default_factory=list)
    """Those that ended by themselves."""
    started: int = 0

    def start(self, roles: Roles) -> Hand:
        return self._start(roles, f"identity-{self.started + 1}")

    def succeed(self, gone: Hand) -> Hand:
        """Start who takes the place of one that is no more."""
        return self._start(gone.roles, gone.identity)

    def _start(self, roles: Roles, identity: str) -> Hand:
        self.started += 1
        name = f"{self.started:02d}-{roles.replace(',', '-')}"
        environment = {**os.environ, CLIENT_ID: name}
        if self.static:
            environment[INSTANCE_ID] = identity
        with (self.folder / f"run-{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [COMMAND, "run", "--config", str(self.config), "--stages", roles],
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
            )
        hand = Hand(name, roles, process, identity)
        self.hands.append(hand)
        return hand

    def start_all(self) -> None:
        for roles in ROLES:
            self.start(roles)

    def one_of(self, roles: Roles) -> Hand | None:
        """The oldest process with these roles that nothing is being done to."""
        for hand in self.hands:
            if hand.roles == roles and not hand.is_leaving and not hand.is_frozen:
                return hand
        return None

    def kill(self, hand: Hand) -> None:
        hand.is_leaving = True
        hand.process.kill()
        hand.process.wait()
        self.hands.remove(hand)

    async def terminate(self, hand: Hand) -> None:
        hand.is_leaving = True
        await self._up(hand)
        hand.process.send_signal(signal.SIGTERM)
        code = await asyncio.to_thread(hand.process.wait, LONGEST_STOP_SECONDS)
        self.hands.remove(hand)
        self.exits.append((hand.name, code))

    async def _up(self, hand: Hand) -> None:
        """Return once it runs: before that it has no handler yet, and a signal just ends it."""
        log = self.folder / f"run-{hand.name}.log"
        async with asyncio.timeout(LONGEST_START_SECONDS):
            while b'"running"' not in log.read_bytes() and hand.process.poll() is None:
                await asyncio.sleep(0.1)

    async def freeze(self, hand: Hand, seconds: float) -> None:
        hand.is_frozen = True
        hand.process.send_signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            hand.process.send_signal(signal.SIGCONT)
            hand.is_frozen = False

    def replace_deserters(self) -> None:
        for hand in list(self.hands):
            code = hand.process.poll()
            if code is not None and not hand.is_leaving:
                self.hands.remove(hand)
                self.deserters.append((hand.name, code))
                self.succeed(hand)

    async def terminate_all(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for hand in list(self.hands):
                tasks.create_task(self.terminate(hand))

    def kill_all(self) -> None:
        for hand in list(self.hands):
            hand.process.send_signal(signal.SIGCONT)
            self.kill(hand)

    def ask_ledger(self) -> list[str]:
        """What the command finds amiss now that every process has ended."""
        asked = subprocess.run(
            [COMMAND, "ledger", "--config", str(self.config), "--json"],
            capture_output=True,
            text=True,
            check=False,
        )
        if not asked.stdout:
            return [f"no answer, exit code {asked.returncode}: {asked.stderr[:300]}"]
        said = json.loads(asked.stdout)
        return [*said["differences"], *([] if said["at_rest"] else ["it is not at rest"])]

    def left_behind(self) -> list[int]:
        """Ids of processes that still run with our configuration."""
        requested = str(self.config).encode()
        found = []
        for place in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                arguments = place.read_bytes().split(b"\0")
            except OSError:
                continue
            if requested in arguments:
                found.append(int(place.parent.name))
        return found
