"""Proves that a partition of the members topic is the one that we wrote."""

from collections.abc import Set as AbstractSet

from pipeline.domain.member_floor import Floor
from pipeline.domain.member_record import HASH, SPREAD, Layout, OtherVersion, Unreadable
from pipeline.stages.snapshot.pass_findings import LayoutMissing

Said = Layout | OtherVersion | Unreadable
_REMEDY = (
    "no snapshot is made of it; have upstream send every membership once more, or rewind the "
    "sources; then `audience-pipeline members confirm`"
)


def proven_layout(
    said: AbstractSet[Said], *, where: str, partitions: int, uuid: str | None
) -> Layout:
    """Return the layout that all layout records of a partition agree on.

    Raises:
        LayoutMissing: there is no layout, or it is not the one that this program uses, or its
            uuid differs from the given one.
    """
    if not said:
        raise LayoutMissing(f"{where} has no layout record: {_REMEDY}")
    if len(said) > 1:
        raise LayoutMissing(f"{where} has layout records that differ: {_REMEDY}")
    (layout,) = said
    if not isinstance(layout, Layout):
        raise LayoutMissing(f"{where} has a layout record that cannot be read: {layout}")
    expected = Layout(layout.uuid if uuid is None else uuid, partitions, SPREAD, HASH)
    if layout != expected:
        raise LayoutMissing(f"{where} is laid out as {layout}, not as {expected}: {_REMEDY}")
    return layout


def proven_floor(said: Floor | OtherVersion | Unreadable, *, where: str) -> Floor:
    """Return the floor.

    Raises:
        LayoutMissing: its record cannot be read.
    """
    if not isinstance(said, Floor):
        raise LayoutMissing(f"{where} has a floor that cannot be read: {said}")
    return said
