"""The commands `connections`: list, show, create and delete."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pipeline.destinations.amazon_ads.connections import (
    MOST_SHOWN,
    Connection,
    NewConnection,
    compose_create,
    compose_delete,
    compose_delete_all,
    compose_list,
    interpret_create,
    interpret_delete,
    interpret_list,
)
from pipeline.destinations.asking import learn
from pipeline.destinations.control import (
    Api,
    Block,
    Command,
    CommandFailed,
    Group,
    InvalidRequest,
    Listing,
    Parameter,
    Question,
    Table,
)

COLUMNS = ("connection_id", "default", "amc_account", "amc_instance", "dsp_advertiser", "modified")
GROUP = Group("connections", "Connections to AMC instances and DSP advertisers.")
NONE_YET = "no connection yet; create one with `connections create`"
CONSEQUENCE = (
    "This removes every connection of the login, also those that are not shown here. "
    "Audiences that use them get no more members."
)
EveryOne = Annotated[
    bool, Parameter(flag="--all", help="Every connection of the login, also those of others.")
]
OneId = Annotated[str | None, Parameter(is_argument=True)]


@dataclass(frozen=True, slots=True)
class MadeConnection:
    """The id of a new connection."""

    connection_id: str


@dataclass(frozen=True, slots=True)
class RemovedConnections:
    """The removed connection; None: all connections of the destination's login."""

    destination: str
    connection_id: str | None


async def list_connections(api: Api) -> Listing[Connection]:
    """List the connections of the login."""
    found = await learn(api, compose_list(), interpret_list)
    is_full = len(found) >= MOST_SHOWN
    caveat = f"the partner shows at most {MOST_SHOWN}, so there may be more" if is_full else None
    return Listing(found, caveat)


async def show_connection(
    api: Api, *, connection_id: Annotated[str, Parameter(is_argument=True)]
) -> Connection:
    """Show all values of one connection."""
    if not connection_id.strip():
        raise InvalidRequest("the id of the connection is blank: see `connections list`")
    found = await learn(api, compose_list(connection_id), interpret_list)
    for one in found:
        if one.connection_id == connection_id:
            return one
    raise CommandFailed(f"no connection {connection_id!r}: see `connections list`")


async def create_connection(
    api: Api,
    *,
    amc_account: Annotated[
        str | None, Parameter(help="The account_id in `instances list`.")
    ] = None,
    amc_marketplace: Annotated[
        str | None, Parameter(help="The marketplace_id in `instances list`.")
    ] = None,
    amc_instance: Annotated[
        str | None, Parameter(help="The instance_id in `instances list`.")
    ] = None,
    dsp_advertiser: Annotated[
        str | None, Parameter(help="The advertiser_id in `advertisers list`.")
    ] = None,
    dsp_profile: Annotated[
        str | None, Parameter(help="The profile_id in `advertisers list`.")
    ] = None,
    connection_id: Annotated[
        str | None, Parameter(help="An id that you choose; otherwise the partner chooses one.")
    ] = None,
    default: Annotated[bool, Parameter(help="Make it the login's default connection.")] = False,
) -> MadeConnection:
    """Create a connection to an AMC instance, a DSP advertiser, or both; prints its id."""
    connection = NewConnection(
        amc_account_id=amc_account,
        amc_account_marketplace_id=amc_marketplace,
        amc_instance_id=amc_instance,
        dsp_advertiser_id=dsp_advertiser,
        dsp_profile_id=dsp_profile,
        connection_id=connection_id,
        is_default=default,
    )
    return MadeConnection(await learn(api, compose_create(connection), interpret_create))


async def delete_connection(
    api: Api, *, connection_id: OneId = None, every: EveryOne = False
) -> RemovedConnections:
    """Delete one connection; with --all and a typed confirmation, all of the login."""
    _check_extent(connection_id, every=every)
    request = compose_delete_all() if connection_id is None else compose_delete(connection_id)
    await learn(api, request, interpret_delete)
    return RemovedConnections(api.destination, connection_id)


async def confirm_deletion(
    api: Api, *, connection_id: OneId = None, every: EveryOne = False
) -> Question | None:
    """The question before all connections are deleted; None for a single one."""
    _check_extent(connection_id, every=every)
    if connection_id is not None:
        return None
    found = await list_connections(api)
    return Question(
        shown=_rows(found, "no connection is shown"),
        warning=CONSEQUENCE,
        purpose="to do it",
        sentence=f"delete all connections of {api.destination}",
        refusal="the sentence does not match, so nothing was removed",
    )


def _check_extent(connection_id: str | None, *, every: bool) -> None:
    if every is (connection_id is not None):
        raise InvalidRequest("give the id of one connection, or --all for all of the login")


def _rows(found: Listing[Connection], nothing: str = NONE_YET) -> Sequence[Block]:
    return [Table(COLUMNS, [_row(one) for one in found.items], nothing)]


def _row(one: Connection) -> tuple[object, ...]:
    return (
        one.connection_id,
        one.is_default,
        _named(one.amc_account_id, one.amc_account_name),
        _named(one.amc_instance_id, one.amc_instance_name),
        _named(one.dsp_advertiser_id, one.dsp_advertiser_name),
        one.modified_at,
    )


def _named(identifier: str | None, name: str | None) -> str | None:
    return f"{identifier} ({name})" if identifier and name else identifier


def _removed(done: RemovedConnections) -> Sequence[Block]:
    if done.connection_id is None:
        return [f"all connections of {done.destination} removed"]
    return [f"connection removed: {done.connection_id}"]


CONNECTION_COMMANDS = (
    Command(group=GROUP, name="list", run=list_connections, shown=_rows),
    Command(group=GROUP, name="show", run=show_connection),
    Command(
        group=GROUP,
        name="create",
        run=create_connection,
        shown=lambda made: [f"connection made: {made.connection_id}"],
    ),
    Command(
        group=GROUP,
        name="delete",
        run=delete_connection,
        confirm=confirm_deletion,
        shown=_removed,
    ),
)
