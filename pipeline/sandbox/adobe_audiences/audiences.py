"""Audiences: created by an operation that ends later, updated, extended, deleted."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pipeline.sandbox.adobe_audiences import shapes
from pipeline.sandbox.adobe_audiences.answers import Refusal, malformed
from pipeline.sandbox.adobe_audiences.calls import Call
from pipeline.sandbox.adobe_audiences.contracts import Contract
from pipeline.sandbox.adobe_audiences.definitions import (
    Definition,
    labels,
    read_definition,
    ttl,
)
from pipeline.sandbox.adobe_audiences.faults import Fault
from pipeline.sandbox.adobe_audiences.members import Members, members
from pipeline.sandbox.adobe_audiences.vocabulary import DAY_SECONDS, DUPLICATE, NOT_FOUND
from pipeline.sandbox.any_partner.reply import Reply

USER = "sandbox@techacct.adobe.com"


@dataclass(slots=True, kw_only=True)
class Audience:
    """One audience, from the moment its operation ended."""

    audience_id: str
    definition: Definition
    members: Members
    created_at: float
    updated_at: float
    said: dict[str, object]
    """The values that answers show; updates change them."""


@dataclass(slots=True, kw_only=True)
class _Operation:
    """A running creation; at `ends_at` it succeeds or fails."""

    audience: Audience
    asked_at: float
    ends_at: float
    fails: bool
    is_settled: bool = False


class Audiences:
    """Creates, updates, extends and deletes audiences."""

    def __init__(
        self, contract: Contract, new_id: Callable[[], str], operation_seconds: float
    ) -> None:
        self._contract = contract
        self._new_id = new_id
        self._operation_seconds = operation_seconds
        self._operations: dict[str, _Operation] = {}
        self._known: dict[str, Audience] = {}

    def create(self, call: Call, fault: Fault) -> Reply:
        definition = read_definition(call.body, self._contract.name)
        self.settle(call.now)
        self._refuse_duplicate(definition)
        operation_id = self._new_id()
        audience = _made(self._new_id(), definition, call.now)
        self._operations[operation_id] = _Operation(
            audience=audience,
            asked_at=call.now,
            ends_at=call.now + self._operation_seconds,
            fails=fault.run.fails_in is not None,
        )
        described = _described(audience)
        body = {self._contract.operation_key: operation_id}
        details = described if self._contract.name == "draft" else {"operationDetails": described}
        return Reply(self._contract.created_status, {**body, **details})

    def operation(self, call: Call, _: Fault) -> Reply:
        operation = self._operations.get(call.path["id"])
        if operation is None:
            raise Refusal(404, "no such operation", NOT_FOUND)
        self.settle(call.now)
        is_over = call.now >= operation.ends_at
        status = ("FAILED" if operation.fails else "SUCCESS") if is_over else "PROCESSING"
        body: dict[str, object] = {
            self._contract.operation_key: call.path["id"],
            "status": status,
        }
        if status == "SUCCESS":
            body["audienceId"] = operation.audience.audience_id
        if self._contract.name == "current":
            body |= {
                "audienceName": operation.audience.definition.name,
                "createdAt": int(operation.asked_at),
                "createdBy": USER,
            }
        return Reply(200, body)

    def update(self, call: Call, _: Fault) -> Reply:
        """Replace the values in the request; the audience's ttl begins again."""
        audience = self.asked_for(call)
        known = frozenset({"description", "labels", "fields", "ttlInDays"})
        said = shapes.fields(shapes.document(call.body), "audience", known)
        if "description" in said:
            audience.said["description"] = shapes.text(said["description"], "description")
        if "labels" in said:
            audience.said["labels"] = labels(said["labels"], "labels")
        if "fields" in said:
            _relabel(audience, said["fields"])
        if "ttlInDays" in said:
            days = ttl(said["ttlInDays"])
            audience.said["ttlInDays"] = days
            audience.members.life = days * DAY_SECONDS
        audience.updated_at = call.now
        audience.members.touch(call.now)
        return Reply(200, {"audienceId": audience.audience_id, **_described(audience)})

    def extend(self, call: Call, _: Fault) -> Reply:
        """Ingest the last good data again, so that the audience's ttl begins again."""
        audience = self.asked_for(call)
        audience.members.touch(call.now)
        return Reply(200, {"audienceId": audience.audience_id, "name": audience.definition.name})

    def delete(self, call: Call, _: Fault) -> Reply:
        del self._known[self.asked_for(call).audience_id]
        return Reply(204)

    def asked_for(self, call: Call) -> Audience:
        """The audience in the request's path.

        Raises:
            Refusal: there is no such audience.
        """
        self.settle(call.now)
        audience = self._known.get(call.audience or "")
        if audience is None:
            raise Refusal(404, "no such external audience", NOT_FOUND)
        audience.members.expire(call.now)
        return audience

    def all(self, now: float) -> Mapping[str, Audience]:
        """All audiences, by id."""
        self.settle(now)
        for audience in self._known.values():
            audience.members.expire(now)
        return dict(self._known)

    def know(self, audience_id: str, definition: Definition, now: float) -> None:
        """Add an audience that exists from the start."""
        self._known[audience_id] = _made(audience_id, definition, now)

    def settle(self, now: float) -> None:
        """End the operations that are due."""
        for operation in self._operations.values():
            if not operation.is_settled and operation.ends_at <= now:
                operation.is_settled = True
                if not operation.fails:
                    self._known[operation.audience.audience_id] = operation.audience

    def _refuse_duplicate(self, definition: Definition) -> None:
        operations = self._operations.values()
        waiting = [one.audience for one in operations if not (one.is_settled or one.fails)]
        for audience in (*self._known.values(), *waiting):
            other = audience.definition
            if other.name == definition.name or (
                other.custom_id is not None and other.custom_id == definition.custom_id
            ):
                raise Refusal(409, f"{audience.audience_id} has this name already", DUPLICATE)


def _made(audience_id: str, definition: Definition, now: float) -> Audience:
    return Audience(
        audience_id=audience_id,
        definition=definition,
        members=members(definition.ttl_days, now),
        created_at=now,
        updated_at=now,
        said=_echoed(definition),
    )


def _echoed(definition: Definition) -> dict[str, object]:
    said = {"namespace": "CustomerAudienceUpload", "audienceType": "people", **definition.said}
    fields = shapes.items(said["fields"], "fields", 0, 100)
    # The partner answers with its own spelling of namespaces, not the request's.
    said["fields"] = [
        {**one, "identityNs": str(one["identityNs"]).capitalize()}
        if isinstance(one, dict) and str(one.get("identityNs")).lower() in ("email", "phone")
        else one
        for one in fields
    ]
    return said


def _described(audience: Audience) -> dict[str, object]:
    return {
        **audience.said,
        "createdBy": USER,
        "createdAt": int(audience.created_at),
        "updatedBy": USER,
        "updatedAt": int(audience.updated_at),
    }


def _relabel(audience: Audience, value: object) -> None:
    names = set(audience.definition.header)
    fields = shapes.items(audience.said["fields"], "fields", 0, 100)
    said = {str(one["name"]): dict(one) for one in fields if isinstance(one, dict)}
    for one in shapes.items(value, "fields", 0, len(names)):
        update = shapes.fields(one, "fields[]", frozenset({"name", "labels"}), frozenset({"name"}))
        name = shapes.text(update["name"], "fields[].name")
        if name not in names:
            raise malformed(f"there is no field {name}")
        said[name]["labels"] = labels(update.get("labels", []), "fields[].labels")
    audience.said["fields"] = list(said.values())
