"""Which snapshots are held: a file that lost half of its rows may be right or may be a fault."""

from pipeline.stages.snapshot.run_records import Hold

EXPLAINED_SECONDS = 24 * 3600.0
"""How long a hold lasts that removes explain, so that a person can look."""


def held(
    rows: int, *, last_rows: int | None, removes: int, before: Hold | None, now_ms: int
) -> Hold | None:
    """Return why a snapshot of so many rows is held; None if it is not.

    `last_rows`: rows of the last snapshot that the partner ingested or an operator approved; None:
    there is none. `removes`: removes of members since then. `before`: the hold of the file that
    this file replaces; its time goes on.
    """
    was = last_rows or 0
    is_empty, is_halved = rows == 0 and last_rows != 0, rows * 2 < was
    if not is_empty and not is_halved:
        return None
    return Hold(
        cause="empty" if is_empty else "halved",
        is_explained=last_rows is not None and was - rows <= removes,
        since_ms=now_ms if before is None else before.since_ms,
    )


def released_at(hold: Hold) -> int | None:
    """Return when the hold ends without a person; None: never."""
    return hold.since_ms + int(EXPLAINED_SECONDS * 1000) if hold.is_explained else None
