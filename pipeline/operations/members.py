"""Counts the members of an audience delivered as snapshots, and shows one member.

Both read the members topic as a pass does, and write nothing.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.configuration.model import Settings
from pipeline.configuration.routing import snapshot_audiences, snapshots_of
from pipeline.destinations.contract import Partners
from pipeline.destinations.registry import PARTNERS
from pipeline.destinations.snapshots import SnapshotAudience
from pipeline.domain.member_floor import (
    NO_FLOOR,
    Floor,
    Forgotten,
    decode_floor,
    decode_tombstone,
    floor_key,
)
from pipeline.domain.member_record import (
    MemberRecord,
    OtherVersion,
    Unreadable,
    decode_member,
    member_key,
    partition_of,
)
from pipeline.domain.names import Names
from pipeline.kafka.member_topic import KafkaMemberTopic
from pipeline.operations.cluster_setup import client_options
from pipeline.operations.moments import moment
from pipeline.operations.snapshots.audiences import SnapshotPlace, named_place
from pipeline.operations.trouble import OperationFailed
from pipeline.stages.ports import Record
from pipeline.stages.snapshot.kept_winner import Kept, first_kept, is_beyond_horizon, merged
from pipeline.stages.snapshot.membership_pass import MembershipPass
from pipeline.stages.snapshot.pass_findings import LayoutMissing, PassFindings, PassTooLong
from pipeline.stages.snapshot.ports import TopicUnreadable, Written


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberCount:
    """The present number of members of an audience, by committed records."""

    destination: str
    audience: str
    audience_id: str
    members: int
    rows: int
    """Rows that a snapshot would have: members with an identity of the configured kind."""
    beyond_horizon: int
    """Adds older than the oldest remove that we still know; not counted as members."""
    unreadable: int
    """Records that cannot be read."""
    stale_rendering: str | None
    """The namespace or columns of stored members, if they differ: no snapshot can be made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberLine:
    """One stored record about a member."""

    offset: int
    written_at: str
    says: str
    """member, no member, withdrawn, forgotten, or why the record cannot be read."""
    changed_at: str | None
    source: str | None
    """Topic, partition and offset of the event, and the number of the change in it."""
    has_identity: bool | None
    counts: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberState:
    """One member of one audience."""

    destination: str
    audience: str
    audience_id: str
    state: str
    """member, no member, unknown, or beyond the horizon."""
    lines: Sequence[MemberLine]
    """The member's records that compaction has left, in the order of the partition."""


async def count_members(
    settings: Settings, audience: str, destination: str | None, partners: Partners = PARTNERS
) -> MemberCount:
    """Count an audience by its upstream name or the partner's id.

    Raises:
        UsageRefused, OperationFailed: there is no such audience, or its topic cannot be read.
    """
    place = named_place(settings, audience, destination, partners)
    found = await _found(settings, place, partners)
    return MemberCount(
        destination=place.destination,
        audience=place.name,
        audience_id=place.audience_id,
        members=found.members,
        rows=found.rows,
        beyond_horizon=found.beyond_horizon,
        unreadable=found.unreadable,
        stale_rendering=found.stale_rendering,
    )


async def _found(settings: Settings, place: SnapshotPlace, partners: Partners) -> PassFindings:
    """Run a pass over the audience that only reads."""
    name = Names(settings.kafka.namespace).members(place.destination)
    try:
        async with KafkaMemberTopic(client_options(settings.kafka), name) as topic:
            counting = MembershipPass(
                topic=topic,
                topic_name=name,
                audience=_audience(settings, place, partners),
                rules=snapshots_of(settings, place.destination, partners).rules,
                row=lambda _identity, _cells: b"",
                ends=await topic.ends(),
                now_ms=time.time_ns() // 1_000_000,
                uuid=None,
                write=_nothing,
            )
            await counting.heal_only()
    except (LayoutMissing, PassTooLong, TopicUnreadable) as error:
        raise OperationFailed(str(error)) from error
    found = counting.found
    if found.other_version is not None:
        raise OperationFailed(f"topic {name} holds records of version {found.other_version}")
    return found


async def show_member(
    settings: Settings,
    member: str,
    audience: str,
    destination: str | None,
    partners: Partners = PARTNERS,
) -> MemberState:
    """The stored records of a member, by the id that upstream uses.

    Raises:
        UsageRefused, OperationFailed: there is no such audience, or its topic cannot be read.
    """
    place = named_place(settings, audience, destination, partners)
    configured = settings.destinations[place.destination]
    sent = partners[configured.kind].member_id(configured, member)
    key = member_key(place.audience_id, sent)
    statements = MemberStatements(key, floor_key(place.audience_id))
    name = Names(settings.kafka.namespace).members(place.destination)
    partition = partition_of(key)
    try:
        async with KafkaMemberTopic(client_options(settings.kafka), name) as topic:
            end = (await topic.ends())[partition]
            async for records in topic.read(partition, 0, end):
                for record in records:
                    statements.take(record)
    except TopicUnreadable as error:
        raise OperationFailed(str(error)) from error
    return MemberState(
        destination=place.destination,
        audience=place.name,
        audience_id=place.audience_id,
        state=statements.state(),
        lines=statements.lines(),
    )


class MemberStatements:
    """The records of one member, and the one that counts, chosen as in a pass."""

    def __init__(self, key: bytes, floor_key: bytes) -> None:
        self._key = key
        self._floor_key = floor_key
        self._floor = NO_FLOOR
        self._kept: Kept | None = None
        self._found: list[tuple[Record, MemberRecord | Forgotten | OtherVersion | Unreadable]] = []

    def take(self, record: Record) -> None:
        if record.key == self._floor_key:
            self._take_floor(record.value)
        if record.key == self._key:
            said = _said(record)
            self._found.append((record, said))
            if isinstance(said, MemberRecord | Forgotten):
                self._kept = (
                    first_kept(said, record.offset)
                    if self._kept is None
                    else merged(self._kept, said, record.offset)
                )
            elif record.value is None:
                self._kept = None

    def _take_floor(self, value: bytes | None) -> None:
        """Take a floor record; a tombstone removes the floor, as in a pass."""
        floor = decode_floor(value)
        if value is None:
            self._floor = NO_FLOOR
        elif isinstance(floor, Floor):
            self._floor = self._floor.joined(floor)

    def state(self) -> str:
        match self._kept:
            case None | Kept(statement=Forgotten()):
                return "unknown"
            case kept if is_beyond_horizon(kept, self._floor):
                return "beyond the horizon"
            case Kept(statement=MemberRecord(is_member=True)):
                return "member"
            case _:
                return "no member"

    def lines(self) -> Sequence[MemberLine]:
        winner = None if self._kept is None else self._kept.statement
        return [_line(record, said, is_winner=said is winner) for record, said in self._found]


def _said(record: Record) -> MemberRecord | Forgotten | OtherVersion | Unreadable:
    if record.value is not None:
        return decode_member(record.value)
    return decode_tombstone(record.headers) or Unreadable("a tombstone that forgets everything")


def _line(
    record: Record,
    said: MemberRecord | Forgotten | OtherVersion | Unreadable,
    *,
    is_winner: bool,
) -> MemberLine:
    statement = said if isinstance(said, MemberRecord | Forgotten) else None
    add = said if isinstance(said, MemberRecord) and said.is_member else None
    return MemberLine(
        offset=record.offset,
        written_at=moment(record.timestamp),
        says=_word(said),
        changed_at=None if statement is None else moment(statement.changed_at_ms),
        source=None if statement is None else str(statement.place),
        has_identity=None if add is None else add.identity is not None,
        counts=is_winner,
    )


def _word(said: MemberRecord | Forgotten | OtherVersion | Unreadable) -> str:
    match said:
        case MemberRecord(is_member=True):
            return "member"
        case MemberRecord(is_withdrawal=True):
            return "withdrawn"
        case MemberRecord():
            return "no member"
        case Forgotten():
            return "forgotten"
        case OtherVersion(version):
            return f"version {version}"
        case Unreadable(why):
            return why


def _audience(settings: Settings, place: SnapshotPlace, partners: Partners) -> SnapshotAudience:
    [audience] = [
        one
        for destination, one in snapshot_audiences(settings, partners)
        if (destination, one.name, one.audience) == place[:3]
    ]
    return audience


async def _nothing(_: Sequence[Written]) -> None:
    """Write nothing: only the owner repairs records."""
