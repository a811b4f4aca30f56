"""Puts together the parts of a lane that read: its own reader, and the replay."""

import asyncio
from collections.abc import Callable

from pipeline.stages.contract import Progress
from pipeline.stages.ports import Lease
from pipeline.stages.upload.batching import LaneQueue
from pipeline.stages.upload.in_flight import InFlight
from pipeline.stages.upload.intake import Intake
from pipeline.stages.upload.offsets import LaneOffsets
from pipeline.stages.upload.paused_audiences import PausedAudiences
from pipeline.stages.upload.pauses import LanePauses
from pipeline.stages.upload.reader import LaneReader
from pipeline.stages.upload.refused_audiences import RefusedAudiences
from pipeline.stages.upload.replaying import Replaying
from pipeline.stages.upload.room import LaneRoom
from pipeline.stages.upload.served_lane import ServedLane, SharedByLanes
from pipeline.stages.upload.settlement import Settlement


class ReadingAssembly:
    """Makes both readers, and the intake, the pauses and the room that they share."""

    def __init__(
        self,
        *,
        shared: SharedByLanes,
        lane: ServedLane,
        lease: Lease,
        queue: LaneQueue,
        paused: PausedAudiences,
        refused: RefusedAudiences,
        offsets: LaneOffsets,
        in_flight: InFlight,
        settlement: Settlement,
        progress: Progress,
        clock: Callable[[], float],
        changed: asyncio.Event,
    ) -> None:
        """`changed` is set whenever there is more to send."""
        self._shared = shared
        self._lane = lane
        self._lease = lease
        self._queue = queue
        self._paused = paused
        self._refused = refused
        self._offsets = offsets
        self._settlement = settlement
        self._progress = progress
        self._changed = changed
        self.intake = self._made_intake(clock)
        self.pauses = self._made_pauses()
        self.room = self._made_room(in_flight)

    def reader(self) -> LaneReader:
        return LaneReader(
            lease=self._lease,
            intake=self.intake,
            pauses=self.pauses,
            settlement=self._settlement,
            room=self.room,
            progress=self._progress,
            took_in=self._took_in,
        )

    def replaying(self) -> Replaying:
        return Replaying(
            replay=self._shared.new_replay(self._lease.topic),
            intake=self.intake,
            pauses=self.pauses,
            settlement=self._settlement,
            room=self.room,
            took_in=self._took_in,
        )

    def _made_intake(self, clock: Callable[[], float]) -> Intake:
        return Intake(
            queue=self._queue,
            offsets=self._offsets,
            paused=self._paused,
            limits=self._lane.limits,
            misfit=self._lane.misfit,
            clock=clock,
            superseded=self._settlement.superseded,
        )

    def _made_pauses(self) -> LanePauses:
        return LanePauses(
            lane=self._lane.name,
            label=self._lane.label,
            paused=self._paused,
            queue=self._queue,
            offsets=self._offsets,
            intake=self.intake,
            refused=self._refused,
            requests=self._shared.pause_requests,
            telemetry=self._shared.lane_telemetry,
            most_replayed=self._lane.limits.max_records,
        )

    def _made_room(self, in_flight: InFlight) -> LaneRoom:
        return LaneRoom(
            lane=self._lane.name,
            budget=self._shared.budget,
            half=self._lane.limits.max_bytes,
            queue=self._queue,
            in_flight=in_flight,
            offsets=self._offsets,
            show=self._shared.lane_telemetry.buffered_bytes,
        )

    def _took_in(self) -> None:
        self.room.occupy()
        self._changed.set()
