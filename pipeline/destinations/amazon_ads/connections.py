"""Requests for connections; a mistake cannot remove all connections at once."""

from dataclasses import dataclass

from pipeline.destinations.amazon_ads.replies import Fields, confirmed, interpreted
from pipeline.destinations.amazon_ads.requests import composed
from pipeline.destinations.amazon_ads.terms import CONNECTIONS_TYPE
from pipeline.destinations.control import Declined, InvalidRequest
from pipeline.destinations.exchange import Request, Response

CONNECTIONS_PATH = "/amc/audiences/connections"
MOST_SHOWN = 100
"""The most connections that the partner lists; there is no second page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewConnection:
    """A connection to create: to an AMC instance, a DSP advertiser, or both.

    Raises InvalidRequest if it has neither, or an instance without its account.
    """

    amc_account_id: str | None = None
    amc_account_marketplace_id: str | None = None
    amc_instance_id: str | None = None
    dsp_advertiser_id: str | None = None
    dsp_profile_id: str | None = None
    connection_id: str | None = None
    """None: the partner chooses an id."""
    is_default: bool = False
    """Whether it becomes the default instead of the present one."""

    def __post_init__(self) -> None:
        if not self.amc_instance_id and not self.dsp_advertiser_id:
            raise InvalidRequest("a connection needs an AMC instance, a DSP advertiser or both")
        if self.amc_instance_id and not self.amc_account_id:
            raise InvalidRequest("an AMC instance needs the AMC account that it belongs to")


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One connection as the partner describes it; any value may be missing."""

    connection_id: str | None
    is_default: bool | None
    amc_account_id: str | None
    amc_account_marketplace_id: str | None
    amc_account_name: str | None
    amc_instance_id: str | None
    amc_instance_name: str | None
    dsp_advertiser_id: str | None
    dsp_advertiser_name: str | None
    dsp_advertiser_country_code: str | None
    dsp_advertiser_marketplace_id: str | None
    dsp_advertiser_region: str | None
    dsp_profile_id: str | None
    data_upload_aws_account_id: str | None
    client_id: str | None
    customer_id: str | None
    created_at: str | None
    modified_at: str | None


def compose_create(connection: NewConnection) -> Request:
    """POST of one connection; fields that are not set stay out."""
    ids = {
        "amcAccountId": connection.amc_account_id,
        "amcAccountMarketplaceId": connection.amc_account_marketplace_id,
        "amcInstanceId": connection.amc_instance_id,
        "connectionId": connection.connection_id,
        "dspAdvertiserId": connection.dsp_advertiser_id,
        "dspProfileId": connection.dsp_profile_id,
    }
    body: dict[str, object] = {name: value for name, value in ids.items() if value}
    if connection.is_default:
        body["isDefault"] = True
    return composed("connections.create", "POST", CONNECTIONS_PATH, CONNECTIONS_TYPE, body=body)


def interpret_create(response: Response) -> str | Declined:
    """The id of the new connection."""
    return interpreted(
        "connections.create", response, lambda said: Fields(said).text("connectionId")
    )


def compose_list(connection_id: str | None = None) -> Request:
    """GET of all connections, or of one."""
    query = {"connectionId": connection_id} if connection_id else {}
    return composed("connections", "GET", CONNECTIONS_PATH, CONNECTIONS_TYPE, query=query)


def interpret_list(response: Response) -> tuple[Connection, ...] | Declined:
    return interpreted("connections", response, _connections)


def compose_delete(connection_id: str) -> Request:
    """DELETE of one connection.

    Raises:
        InvalidRequest: the id is blank; the partner would remove every connection of the login.
    """
    if not connection_id.strip():
        raise InvalidRequest("the id of the connection is blank, which would remove all of them")
    return _deletion({"connectionId": connection_id.strip()})


def compose_delete_all() -> Request:
    """DELETE of every connection of the login, also those of others; it cannot be undone."""
    return _deletion({})


def interpret_delete(response: Response) -> Declined | None:
    return confirmed("connections.delete", response)


def _deletion(query: dict[str, str]) -> Request:
    return composed("connections.delete", "DELETE", CONNECTIONS_PATH, CONNECTIONS_TYPE, query=query)


def _connections(said: object) -> tuple[Connection, ...] | None:
    if not isinstance(said, dict):
        return None
    return tuple(map(_connection, Fields(said).each("connections")))


def _connection(one: Fields) -> Connection:
    return Connection(
        connection_id=one.text("connectionId"),
        is_default=one.flag("isDefault"),
        amc_account_id=one.text("amcAccountId"),
        amc_account_marketplace_id=one.text("amcAccountMarketplaceId"),
        amc_account_name=one.text("amcAccountName"),
        amc_instance_id=one.text("amcInstanceId"),
        amc_instance_name=one.text("amcInstanceName"),
        dsp_advertiser_id=one.text("dspAdvertiserId"),
        dsp_advertiser_name=one.text("dspAdvertiserName"),
        dsp_advertiser_country_code=one.text("dspAdvertiserCountryCode"),
        dsp_advertiser_marketplace_id=one.text("dspAdvertiserMarketplaceId"),
        dsp_advertiser_region=one.text("dspAdvertiserRegion"),
        dsp_profile_id=one.text("dspProfileId"),
        data_upload_aws_account_id=one.text("dataUploadAwsAccountId"),
        client_id=one.text("clientId"),
        customer_id=one.text("customerId"),
        created_at=one.text("creationDateTime"),
        modified_at=one.text("modifiedDateTime"),
    )
