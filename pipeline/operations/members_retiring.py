"""Deletes the stored members of an audience that left the configuration.

It writes a tombstone for every key of the audience, and Kafka deletes the records before it. This
needs no transaction: each tombstone is right alone, so the command may be killed and repeated.
"""

import time
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from itertools import islice

from pipeline.configuration.identities import Identities
from pipeline.configuration.load import Configuration
from pipeline.configuration.model import Settings
from pipeline.configuration.routing import audience_names, snapshot_destinations
from pipeline.domain.member_record import LAYOUT_KEY
from pipeline.domain.names import Names
from pipeline.kafka.placed_writer import PORTION, placed_writer
from pipeline.kafka.topic_reader import TopicReader, reading
from pipeline.operations.cluster_setup import client_options
from pipeline.operations.left_audiences import configured_ids, owners_audiences
from pipeline.operations.stored_members import stated_since, stored
from pipeline.operations.trouble import OperationFailed, UsageRefused
from pipeline.settings.problems import suggestion
from pipeline.stages.snapshot.ports import Written
from pipeline.stages.snapshot.run_records import encode_retired, retired_key


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftMembers:
    """The stored members of an audience that is not in the configuration."""

    destination: str
    audience: str
    """The partner's id."""
    topic: str
    members: int
    """The number of stored members, with those who left the audience."""
    unmade: tuple[str, ...]
    """Audiences of the destination that have no id yet: one may be this one, renamed."""
    is_served: bool
    """Whether the destination is in the configuration."""


async def find_left_members(
    configuration: Configuration, audience: str, destination: str | None
) -> LeftMembers:
    """The members that `retire_members` would delete; changes nothing.

    Raises:
        UsageRefused: the audience is in the configuration or its lock file, or the destination is
            not clear.
        OperationFailed: nothing is stored of such an audience.
        ClusterTrouble: the cluster cannot be asked now.
    """
    settings = configuration.settings
    _refuse_configured(settings, audience, destination)
    async with _reading(settings) as reader:
        name = _destination(settings, reader, destination)
        _refuse_locked(configuration.identities, audience, name)
        topic, members, is_known = Names(settings.kafka.namespace).members(name), 0, False
        async for found in stored(reader, topic, audience):
            members += found.keys.members
            is_known = is_known or found.keys.has_tombstones or any(found.keys.stored())
        if not is_known:
            await _refuse_unknown(settings, reader, audience, name)
    return LeftMembers(
        destination=name,
        audience=audience,
        topic=topic,
        members=members,
        unmade=_unmade(settings, name),
        is_served=name in snapshot_destinations(settings),
    )


async def retire_members(settings: Settings, left: LeftMembers) -> int:
    """Write the tombstones; returns the number of members.

    Raises:
        OperationFailed: another process writes members of the audience at the same time.
        ClusterTrouble: not all tombstones could be written; it is safe to try again.
    """
    kafka, count = settings.kafka, 0
    owner = Names(kafka.namespace).snapshots(left.destination)
    async with (
        _reading(settings) as reader,
        placed_writer(client_options(kafka), kafka.answer_seconds()) as writer,
    ):
        async for found in stored(reader, left.topic, left.audience):
            keys = found.keys.stored()
            while portion := list(islice(keys, PORTION)):
                await writer.write([Written(left.topic, *key, None) for key in portion])
            count += found.keys.members
        # Write more records, as a pass does: only then does Kafka close the segments to compact.
        await writer.write(
            [Written(left.topic, one, LAYOUT_KEY, said) for one, said in found.keys.layouts.items()]
        )
        stated = await stated_since(reader, left.topic, left.audience, found.ends)
        if stated:
            raise OperationFailed(
                f"audience {left.audience} of {left.destination}: {stated} records of it were "
                "written meanwhile: a process still has the audience in its configuration; restart "
                "every process with the present configuration, and run this again"
            )
        if owner in reader.topics:
            # Written last, so that `check --online` names the audience until all is done.
            said = encode_retired(time.time_ns() // 1_000_000)
            await writer.write([Written(owner, 0, retired_key(left.audience), said)])
    return count


def _reading(settings: Settings) -> AbstractAsyncContextManager[TopicReader]:
    """A reader that also sees uncommitted records: an open transaction must not hide members."""
    return reading(
        client_options(settings.kafka),
        committed_only=False,
        patience=settings.kafka.answer_seconds(),
    )


def _refuse_configured(settings: Settings, audience: str, destination: str | None) -> None:
    name = audience_names(settings).get(audience)
    for one in snapshot_destinations(settings):
        if destination not in (None, one):
            continue
        targets = {
            told.audience: target.audience()
            for told in settings.audiences
            for target in told.destinations
            if target.destination == one
        }
        if name in targets or audience in targets.values():
            raise UsageRefused(
                f"audience {audience!r} is in the configuration, at {one}: first remove it there, "
                "and restart every process with that configuration"
            )


def _refuse_locked(identities: Identities, audience: str, destination: str) -> None:
    for entry in identities.lock.audiences:
        if (entry.destination, str(entry.audience_id)) == (destination, audience):
            raise UsageRefused(
                f"{identities.lock_file} still has audience {audience}, made for "
                f"{entry.audience!r}: if the audience was renamed in the configuration, rename it "
                "in the lock file too, and its members stay; otherwise remove the entry, and run "
                "this again"
            )


def _destination(settings: Settings, reader: TopicReader, destination: str | None) -> str:
    """The destination to use; the configuration need not have it."""
    prefix = Names(settings.kafka.namespace).members("")
    known = sorted(one.removeprefix(prefix) for one in reader.topics if one.startswith(prefix))
    if not known:
        raise OperationFailed(
            f"no topic {prefix}<destination> exists: no members are stored, or kafka.namespace is "
            "wrong"
        )
    if destination is None and len(known) > 1:
        raise UsageRefused(f"--destination: several have stored members: {', '.join(known)}")
    if destination not in (None, *known):
        raise UsageRefused(
            f"--destination: {destination!r} has no stored members; "
            f"{suggestion(destination or '', known)}"
        )
    return destination or known[0]


async def _refuse_unknown(
    settings: Settings, reader: TopicReader, audience: str, destination: str
) -> None:
    names = Names(settings.kafka.namespace)
    found = await owners_audiences(reader, names.snapshots(destination))
    left = found.left(configured_ids(settings, destination))
    # An audience whose snapshots were all empty has no members, but it can be retired as well.
    if audience not in left:
        raise OperationFailed(
            f"topic {names.members(destination)} stores nothing for an audience {audience!r}: "
            "give the audience's id at the partner; "
            + (suggestion(audience, left) if left else "no audience is known to have left")
        )


def _unmade(settings: Settings, destination: str) -> tuple[str, ...]:
    return tuple(
        audience.audience
        for audience in settings.audiences
        for target in audience.destinations
        if target.destination == destination and target.audience() is None
    )
