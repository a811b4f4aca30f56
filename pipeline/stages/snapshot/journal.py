"""The owner's topic: a new owner reads all of it, and writes each step to it before the step.

Memory follows the topic, never the other way round: a state counts once it is durable.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import structlog

from pipeline.domain.member_record import LAYOUT_KEY, Layout, decode_layout
from pipeline.stages.ports import Record
from pipeline.stages.snapshot.budget import Budget
from pipeline.stages.snapshot.members_trouble import BEGINS_KEY, KnownMembers, decode_begins
from pipeline.stages.snapshot.operator_requests import (
    PREFIX,
    Approve,
    OperatorRequest,
    Start,
    Unreadable,
    decode_request,
)
from pipeline.stages.snapshot.ports import OwnerWriter, Written
from pipeline.stages.snapshot.run_records import (
    KEEP_RUNS_SECONDS,
    RETIRED,
    TAKEOVER_KEY,
    AudienceState,
    Ends,
    Ingested,
    RunRecord,
    SnapshotFile,
    UnreadableState,
    decode_run,
    decode_state,
    encode_run,
    encode_state,
    encode_takeover,
    run_key,
    state_key,
)
from pipeline.stages.snapshot.transitions import Transition

_NEW = AudienceState()
log = structlog.get_logger(__name__)


class Journal:
    """States, runs and operators' requests of one destination."""

    def __init__(
        self, topic: str, writer: OwnerWriter, budget: Budget, wall_ms: Callable[[], int]
    ) -> None:
        self._topic = topic
        self._writer = writer
        self._budget = budget
        self._wall_ms = wall_ms
        self._turn = asyncio.Lock()
        self._states: dict[str, AudienceState] = {}
        self._runs: defaultdict[str, dict[int, RunRecord]] = defaultdict(dict)
        self._requests: dict[str, OperatorRequest] = {}
        self.layout_uuid: str | None = None
        """The uuid of the members topic's layout; None while the owner's topic has none."""
        self._layout_offset = -1
        """The offset of the record with that uuid."""
        self._begins: Mapping[int, int] = {}
        self._retired: dict[str, int] = {}
        """By audience: the offset of the record in which an operator retired all its members."""

    @property
    def states(self) -> Mapping[str, AudienceState]:
        """The states of all audiences that ever were, by the partner's id."""
        return self._states

    def state(self, audience: str) -> AudienceState:
        return self._states.get(audience, _NEW)

    def run(self, audience: str, n: int) -> RunRecord:
        return self._runs[audience][n]

    def runs(self, audience: str) -> Mapping[int, RunRecord]:
        """The remembered runs of an audience, by the number of their file."""
        return self._runs[audience]

    def is_asked_for(self, audience: str) -> bool:
        """Whether an operator asked for a snapshot that nobody has claimed yet."""
        request, state = self._requests.get(audience), self.state(audience)
        return isinstance(request, Start) and request.is_pending(state.n)

    def is_approved(self, audience: str) -> bool:
        """Whether an operator approved the newest file."""
        request, file = self._requests.get(audience), self.state(audience).file
        return isinstance(request, Approve) and file is not None and request.n == file.n

    # Of the members topic

    def is_first(self, audience: str) -> bool:
        """Whether no snapshot was claimed yet of the present members."""
        n = self.state(audience).n
        return n is None or n < self._stated_anew(audience)

    def is_of_former(self, audience: str, snapshot: SnapshotFile | Ingested | None) -> bool:
        """Whether a snapshot was made of former members: upstream has sent all anew since."""
        return snapshot is not None and snapshot.n < self._stated_anew(audience)

    def ends(self, audience: str, snapshot: SnapshotFile | Ingested | None) -> Ends:
        """Return up to which offsets of the present members topic a snapshot has read."""
        if snapshot is None or self.is_of_former(audience, snapshot):
            return {}
        return snapshot.ends

    def _stated_anew(self, audience: str) -> int:
        """Return the offset before which all claims are about former members."""
        return max(self._layout_offset, self._retired.get(audience, -1))

    def known_members(self) -> KnownMembers:
        """Return what the members topic must be like."""
        ends: dict[int, int] = {}
        for audience, state in self._states.items():
            for snapshot in (state.file, state.ingested):
                for partition, end in self.ends(audience, snapshot).items():
                    ends[partition] = max(end, ends.get(partition, 0))
        return KnownMembers(
            is_laid_out=self.layout_uuid is not None, begins=self._begins, ends=ends
        )

    # Reading

    def take(self, record: Record) -> None:
        """Take in one message that was in the topic when we took over.

        Raises:
            UnreadableState: another version of this program wrote it.
        """
        kind, _, rest = (record.key or b"").partition(b"|")
        name = rest.decode(errors="replace")
        if kind == b"a" and record.value is not None:
            self._keep(name, decode_state(record.value), record.offset)
        elif record.key == LAYOUT_KEY:
            layout = decode_layout(record.value)
            self.layout_uuid = layout.uuid if isinstance(layout, Layout) else None
            self._layout_offset = record.offset
        elif record.key == BEGINS_KEY:
            self._begins = decode_begins(record.value)
        elif kind == RETIRED.encode():
            self._retired[name] = record.offset
        elif kind == b"r":
            self._take_run(name, record.value)
        else:
            self.take_request(record)

    def take_request(self, record: Record) -> None:
        """Take in a message from after the takeover: only operators' requests are new to us."""
        key = record.key or b""
        if not key.startswith(PREFIX):
            return
        audience = key.removeprefix(PREFIX).decode(errors="replace")
        if record.value is None:
            self._requests.pop(audience, None)
            return
        request = decode_request(record.value, record.offset)
        if isinstance(request, Unreadable):
            log.error("request not understood: ignored", offset=record.offset, why=request.why)
        else:
            self._requests[audience] = request

    def _take_run(self, name: str, value: bytes | None) -> None:
        audience, _, n = name.rpartition("|")
        if not n.isdecimal():
            raise UnreadableState("a run without a number")
        if value is None:
            self._runs[audience].pop(int(n), None)
            self._budget.refund(audience, int(n))
        else:
            self._keep_run(decode_run(value))

    def _keep(self, audience: str, state: AudienceState, offset: int) -> None:
        """Keep a state. The number of a claim is its offset, so the claim itself cannot say it."""
        is_claim = state.state == "reading"
        self._states[audience] = replace(state, n=offset) if is_claim else state

    def _keep_run(self, run: RunRecord) -> None:
        self._runs[run.audience][run.n] = run
        if run.is_charged:
            self._budget.charge(run.audience, run.n, run.intended_ms, self._wall_ms())
        else:
            self._budget.refund(run.audience, run.n)

    # Writing

    async def take_over(self) -> int:
        """Shut out the former owner; return the offset up to which the topic must be read.

        Raises:
            Fenced: there is another owner now.
        """
        await self._writer.open()
        marker = Written(self._topic, 0, TAKEOVER_KEY, encode_takeover(self._wall_ms()))
        return (await self._writer.write([marker]))[0]

    async def write(self, audience: str, transition: Transition) -> AudienceState:
        """Make a step durable, then keep it.

        Raises:
            Fenced: there is another owner now.
        """
        state, run = transition
        messages = []
        if run is not None:
            # The run comes first, for brokers without transactions: no state may lack its run.
            key = run_key(audience, run.n)
            messages.append(Written(self._topic, 0, key, encode_run(run)))
        messages.append(Written(self._topic, 0, state_key(audience), encode_state(state)))
        offsets = await self.write_messages(messages)
        self._keep(audience, state, offsets[-1])
        if run is not None:
            self._keep_run(run)
        return self.state(audience)

    async def write_messages(self, messages: Sequence[Written]) -> Sequence[int]:
        """Write messages to any topic in one transaction; return their offsets.

        Raises:
            Fenced: there is another owner now.
        """
        async with self._turn:
            return await self._writer.write(messages)

    async def forget(self) -> None:
        """Delete the records of runs that nobody asks for any more.

        Raises:
            Fenced: there is another owner now.
        """
        now_ms = self._wall_ms()
        self._budget.forget(now_ms)
        before_ms = now_ms - int(KEEP_RUNS_SECONDS * 1000)
        old = [
            run
            for runs in self._runs.values()
            for run in runs.values()
            if run.intended_ms < before_ms and run.n != self.state(run.audience).run_n
        ]
        if old:
            gone = [Written(self._topic, 0, run_key(one.audience, one.n), None) for one in old]
            await self.write_messages(gone)
        for one in old:
            del self._runs[one.audience][one.n]

    async def close(self) -> None:
        await self._writer.close()
