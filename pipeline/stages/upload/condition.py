"""The condition of a lane, for operators: in its status, its metrics and the log."""

from collections.abc import Callable, Mapping

import structlog

from pipeline.domain.send_result import Blocked
from pipeline.stages.upload.refused_audiences import RefusedAudiences
from pipeline.telemetry.facts import LaneLabel, LaneState, LaneTelemetry

LINE_SECONDS = 60.0
"""A lane writes at most one log line of a kind in this time."""
REMEDY = "repair what the detail names; the lane goes on by itself: deploy/README.md#laneblocked"
FORGET_SECONDS = 600.0
"""An older failure says nothing about the present state of the lane."""

log = structlog.get_logger(__name__)


class LaneCondition:
    """The state of a lane, why it is blocked, and why its last attempt failed."""

    def __init__(
        self,
        *,
        lane: str,
        label: LaneLabel,
        refused: RefusedAudiences,
        telemetry: LaneTelemetry,
        clock: Callable[[], float],
    ) -> None:
        self._lane = lane
        self._label = label
        self._refused = refused
        self._telemetry = telemetry
        self._clock = clock
        self._failure: str | None = None
        self._status: int | None = None
        self._failures = 0
        self._failed_at = 0.0
        self._logged_at: float | None = None
        self._accepted = 0
        self._shown: LaneState | None = None
        self.state: LaneState = "taking_over"
        self.blocked_for_all: Blocked | None = None
        """Why the lane sends nothing, or only a probe."""

    @property
    def blocked(self) -> Blocked | None:
        """What a person must repair, for the whole lane or for one audience."""
        return self.blocked_for_all or self._refused.cause

    def show(self, state: LaneState) -> None:
        """Show the state of the lane; while an audience is refused, show it as blocked.

        The other audiences go on, but a person must repair something.
        """
        if self._refused:
            state = "blocked"
        self.state = state
        if state != self._shown:
            self._shown = state
            self._telemetry.lane_state(lane=self._label, state=state)

    def block(self, blocked: Blocked) -> None:
        """Block the lane until a person repairs something; log each new cause."""
        is_news = blocked != self.blocked_for_all
        self.blocked_for_all = blocked
        self._show_blocked(blocked, is_news=is_news)

    def passed_probe(self) -> None:
        """End the block of the lane; audiences that are refused stay so."""
        if self.blocked_for_all is not None:
            self.blocked_for_all = None
            self._say_resumed()

    def refuse(self, audience: str, blocked: Blocked, *, began: float) -> None:
        """Refuse an audience until a person repairs something; log each new cause.

        `began`: when the delivery began that was refused.
        """
        is_news = self._refused.add(audience, blocked, began=began, now=self._clock())
        self._show_blocked(blocked, is_news=is_news)

    def ends_refusal(self, audience: str) -> None:
        """End the refusal of an audience, if it is refused."""
        if audience in self._refused:
            self._refused.end(audience)
            self._say_resumed()

    def _show_blocked(self, blocked: Blocked, *, is_news: bool) -> None:
        self.show("blocked")
        if is_news:
            cause, detail = blocked.cause, blocked.detail
            log.error("lane blocked", lane=self._lane, cause=cause, detail=detail, remedy=REMEDY)

    def _say_resumed(self) -> None:
        if self.blocked is None:
            log.info("lane resumed", lane=self._lane)

    def failed(self, detail: str, status: int | None = None) -> None:
        """Note an attempt that will be repeated; `status`: that of the answer, if one came."""
        now = self._clock()
        if now - self._failed_at > FORGET_SECONDS:
            self._failures = 0
        self._failure, self._failed_at, self._status = detail, now, status
        self._failures += 1
        if self._logged_at is None or now - self._logged_at >= LINE_SECONDS:
            self._logged_at = now
            log.warning("request failed", lane=self._lane, detail=detail, failures=self._failures)

    def accepted(self, records: int) -> None:
        self._accepted += records

    @property
    def last_failure(self) -> Mapping[str, object] | None:
        """The last failure: its detail, its HTTP status if an answer came, and its age in seconds.

        `times` is how many attempts failed recently.
        """
        since = self._clock() - self._failed_at
        if self._failure is None or since > FORGET_SECONDS:
            return None
        return {
            "detail": self._failure,
            "status": self._status,
            "times": self._failures,
            "seconds_ago": round(since),
        }

    def summarise(self, *, waiting: int, window_records: int, cap: int | None) -> None:
        """Log what the lane did since the last summary; log nothing for a lane without work."""
        accepted, self._accepted = self._accepted, 0
        if not (accepted or waiting) and self.state == "running":
            return
        log.info(
            "lane",
            lane=self._lane,
            state=self.state,
            accepted=accepted,
            waiting=waiting,
            window_records=window_records,
            cap=cap,
            cause=None if self.blocked is None else self.blocked.cause,
            last_failure=None if self.last_failure is None else self._failure,
        )
