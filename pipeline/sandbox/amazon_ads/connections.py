"""Connections to AMC instances and DSP advertisers, and the terms that allow their use."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import NamedTuple

from pipeline.sandbox.amazon_ads import shapes
from pipeline.sandbox.amazon_ads.calls import Call
from pipeline.sandbox.amazon_ads.dialects import Refusal
from pipeline.sandbox.amazon_ads.directory import Directory
from pipeline.sandbox.amazon_ads.vocabulary import LARGEST_PAGE
from pipeline.sandbox.any_partner.reply import Reply

TEXT_FIELDS = (
    "amcAccountId",
    "amcAccountMarketplaceId",
    "amcInstanceId",
    "connectionId",
    "dspAdvertiserId",
    "dspProfileId",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One stored connection; `ids` are its fields at creation, without empty ones."""

    connection_id: str
    client_id: str
    ids: dict[str, str]
    is_default: bool
    created_at: datetime
    modified_at: datetime


class KnownConnection(NamedTuple):
    """A connection that exists from the start."""

    connection_id: str
    client_id: str


class Connections:
    """Creates, lists and removes connections; one of them is always the default."""

    def __init__(
        self,
        directory: Directory,
        new_id: Callable[[], str],
        wall_clock: Callable[[], float],
        *,
        accepts_any: bool,
    ) -> None:
        """`accepts_any`: audiences and records may name connections that were not created here."""
        self._directory = directory
        self._new_id = new_id
        self._wall_clock = wall_clock
        self._accepts_any = accepts_any
        self._stored: dict[str, Connection] = {}

    def create(self, call: Call) -> Reply:
        request = shapes.fields(
            shapes.document(call.body), "connection", frozenset({*TEXT_FIELDS, "isDefault"})
        )
        ids = {name: shapes.text(request[name], name) for name in TEXT_FIELDS if name in request}
        ids = {name: value for name, value in ids.items() if value}
        self._check(ids)
        connection_id = ids.pop("connectionId", None) or self._new_id()
        client_id = call.header("Amazon-Advertising-API-ClientId") or ""
        is_default = shapes.flag(request.get("isDefault", False), "isDefault")
        self._store(connection_id, client_id, ids, is_default=is_default)
        return Reply(201, {"connectionId": connection_id})

    def list(self, call: Call) -> Reply:
        wanted = call.query.get("connectionId", "")
        only_default = call.query.get("isDefault", "false")
        if only_default not in ("true", "false"):
            raise Refusal(400, "isDefault must be true or false")
        if wanted and wanted not in self._stored:
            raise Refusal(404, "The connection does not exist")
        found = [
            self._described(one)
            for one in self._stored.values()
            if (not wanted or one.connection_id == wanted)
            and (only_default == "false" or one.is_default)
        ]
        return Reply(200, {"connections": found[:LARGEST_PAGE]})

    def delete(self, call: Call) -> Reply:
        """Remove the named connection; without a name all of them, as the real partner does."""
        wanted = call.query.get("connectionId", "")
        if not wanted:
            self._stored.clear()
            return Reply(204)
        if wanted not in self._stored:
            raise Refusal(404, "The connection does not exist")
        del self._stored[wanted]
        self._ensure_default()
        return Reply(204)

    def accepts(self, connection_id: str) -> bool:
        return self._accepts_any or connection_id in self._stored

    def default(self) -> str | None:
        return next((one.connection_id for one in self._stored.values() if one.is_default), None)

    def know(self, made: KnownConnection) -> None:
        """Add a connection from the start, to the first advertiser of the directory."""
        ids = {"dspAdvertiserId": self._directory.advertisers[0].advertiser_id}
        if made.connection_id not in self._stored:
            self._store(made.connection_id, made.client_id, ids, is_default=False)

    def _store(
        self, connection_id: str, client_id: str, ids: dict[str, str], *, is_default: bool
    ) -> None:
        is_default = is_default or not self._stored
        now = datetime.fromtimestamp(self._wall_clock(), UTC)
        if is_default:
            self._undefault(now)
        self._stored[connection_id] = Connection(
            connection_id=connection_id,
            client_id=client_id,
            ids=ids,
            is_default=is_default,
            created_at=now,
            modified_at=now,
        )

    def _check(self, ids: dict[str, str]) -> None:
        if ids.get("connectionId") in self._stored:
            raise Refusal(400, "The connection exists already")
        if "amcInstanceId" not in ids and "dspAdvertiserId" not in ids:
            raise Refusal(400, "Either amcInstanceId or dspAdvertiserId is required")
        if "amcInstanceId" in ids:
            self._check_instance(ids)
        if "dspAdvertiserId" in ids:
            advertiser = self._directory.advertiser(ids["dspAdvertiserId"])
            profile = ids.get("dspProfileId", str(advertiser.profile_id) if advertiser else "")
            if advertiser is None or profile != str(advertiser.profile_id):
                raise Refusal(400, "The DSP advertiser is not known for this login and profile")

    def _check_instance(self, ids: dict[str, str]) -> None:
        instance = self._directory.instance(ids["amcInstanceId"])
        if instance is None or ids.get("amcAccountId") != instance.account_id:
            raise Refusal(400, "A valid combination of AMC account and instance is required")
        account = self._directory.account(instance.account_id)
        marketplace = ids.get("amcAccountMarketplaceId")
        if account is None or marketplace not in (None, account.marketplace_id):
            raise Refusal(400, "The AMC account is not known in this marketplace")

    def _undefault(self, now: datetime) -> None:
        for connection in list(self._stored.values()):
            if connection.is_default:
                self._stored[connection.connection_id] = replace(
                    connection, is_default=False, modified_at=now
                )

    def _ensure_default(self) -> None:
        if self._stored and self.default() is None:
            oldest = next(iter(self._stored.values()))
            self._stored[oldest.connection_id] = replace(oldest, is_default=True)

    def _described(self, connection: Connection) -> object:
        instance = self._directory.instance(connection.ids.get("amcInstanceId", ""))
        account = self._directory.account(connection.ids.get("amcAccountId", ""))
        advertiser = self._directory.advertiser(connection.ids.get("dspAdvertiserId", ""))
        described: dict[str, object] = {
            **connection.ids,
            "clientId": connection.client_id,
            "connectionId": connection.connection_id,
            "creationDateTime": _written(connection.created_at),
            "customerId": "A00000000000",
            "isDefault": connection.is_default,
            "modifiedDateTime": _written(connection.modified_at),
        }
        if instance is not None and account is not None:
            described |= {"amcAccountName": account.name, "amcInstanceName": instance.name}
        if advertiser is not None:
            described |= {
                "dspAdvertiserName": advertiser.name,
                "dspAdvertiserCountryCode": advertiser.country,
            }
        return described


def _written(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class Terms:
    """The terms that must be accepted before uploads."""

    def __init__(self, *, accepted: bool, agreement_token: str) -> None:
        self.accepted = accepted
        self._agreement_token = agreement_token

    def show(self, _: Call) -> Reply:
        return Reply(
            200,
            {
                "agreementContent": "<h1>Sample agreement</h1><p>Nothing is agreed to here.</p>",
                "agreementToken": self._agreement_token,
                "hasAccepted": self.accepted,
            },
        )

    def accept(self, call: Call) -> Reply:
        names = frozenset({"agreementToken", "hasAccepted"})
        request = shapes.fields(shapes.document(call.body), "terms", names, names)
        token = shapes.text(request["agreementToken"], "agreementToken")
        accepted = shapes.flag(request["hasAccepted"], "hasAccepted")
        if token != self._agreement_token:
            raise Refusal(400, "agreementToken is not the one of the current terms")
        self.accepted = accepted
        return Reply(204)
