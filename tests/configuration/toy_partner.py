"""A second partner, as far as a configuration goes: other keys, other targets, another secret.

Nothing is sent to it.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Literal, NoReturn, Self

from pydantic import Field, model_validator

from pipeline.destinations.contract import DestinationSettings, Partner, Partners, TargetSettings
from pipeline.destinations.registry import PARTNERS
from pipeline.settings.problems import Problem
from pipeline.settings.secrets import pair_problems
from pipeline.settings.values import Hidden, SecretFile, Section, Text, TopicText, Whole, refuse


class ToyLimits(Section):
    requests_per_hour: Whole = Field(default=100, ge=1)
    """Requests of one feed in an hour."""


class ToySettings(DestinationSettings):
    """A service for mail."""

    kind: Literal["toy"]
    workspace: Text
    api_key: Hidden | None = None
    api_key_file: SecretFile | None = None
    limits: ToyLimits = ToyLimits()

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        refuse(pair_problems("api_key", self.api_key, self.api_key_file))
        return self


class ToyTarget(TargetSettings):
    """A list of addresses."""

    list_id: Text | None = None
    feed: TopicText
    channel: Literal["mail", "push"] = "mail"

    def audience(self) -> str | None:
        return self.list_id

    def with_audience(self, audience: str) -> Self:
        return self.model_copy(update={"list_id": audience})

    def lane(self) -> str:
        return self.feed

    def lane_keys(self) -> Mapping[str, object]:
        return {"feed": self.feed}

    def unmakeable(self, upstream_name: str) -> Problem | None:
        del upstream_name
        return None


class KeylessTarget(ToyTarget):
    """A target of a partner that has no key for its lane."""

    def lane_keys(self) -> Mapping[str, object]:
        return {}


def _problems(settings: ToySettings, targets: Sequence[ToyTarget]) -> Iterator[Problem]:
    if settings.limits.requests_per_hour < len(targets):
        yield Problem(
            path=("limits", "requests_per_hour"),
            what="must allow one request for each list",
            value=str(settings.limits.requests_per_hour),
            remedy=f"set it to {len(targets)} or more",
        )


def _advice(settings: ToySettings, targets: Sequence[ToyTarget]) -> Iterator[str]:
    del settings
    if any(target.channel == "push" for target in targets):
        yield "channel: push is for tests only"


def _is_not_sent_to(*_: object) -> NoReturn:
    raise NotImplementedError


TOY = Partner(
    kind="toy",
    settings=ToySettings,
    target=ToyTarget,
    base_url=lambda settings: f"https://{settings.workspace}.example.com",
    login=_is_not_sent_to,
    renderer=_is_not_sent_to,
    route=_is_not_sent_to,
    member_id=_is_not_sent_to,
    delivery=_is_not_sent_to,
    buffer_bytes=lambda _: 1_000_000,
    problems=_problems,
    advice=_advice,
    check_online=_is_not_sent_to,
)
TWO_PARTNERS: Partners = MappingProxyType({**PARTNERS, "toy": TOY})
