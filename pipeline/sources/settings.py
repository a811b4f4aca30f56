"""Settings of `sources:`: each entry is a topic, and how to read its messages."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from pipeline.settings.problems import Problem
from pipeline.settings.secrets import Secret, pair_problems, secret
from pipeline.settings.values import (
    Count,
    Hidden,
    Positive,
    ReadableFile,
    SecretFile,
    Section,
    Text,
    TopicText,
    Url,
    refuse,
)
from pipeline.sources.envelopes import Envelope
from pipeline.sources.formats import FORMATS
from pipeline.sources.mapping_settings import MappingSettings, TableSettings

if TYPE_CHECKING:
    Format = str
else:
    # The choices come from the table; mypy knows no literals that are computed.
    Format = Literal[tuple(FORMATS)]
Encoding = Literal["json", "avro", "protobuf", "json_schema"]


def _envelopes(value: object) -> object:
    if value in ("none", None):
        return []
    return [value] if isinstance(value, str) else value


class RegistrySettings(Section):
    """A Schema Registry of Confluent, or one with the same API."""

    url: Url
    username: Text | None = None
    password: Hidden | None = None
    """At most one of password and password_file."""
    password_file: SecretFile | None = None
    ca_file: ReadableFile | None = None
    """A file of certificates to trust, PEM; null: the system's certificates."""
    timeout_seconds: Positive = 10

    def password_secret(self) -> Secret | None:
        """The password for username; read at each request."""
        return secret(self.password, self.password_file)

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if self.username is not None:
            refuse(pair_problems("password", self.password, self.password_file))
        return self


class SourceSettings(Section):
    """A topic of upstream events."""

    topic: TopicText
    format: Format = "native"
    """The format of the events; mapping: described by `mapping`; python: read by `function`."""
    envelope: Annotated[
        tuple[Envelope, ...],
        BeforeValidator(
            _envelopes,
            json_schema_input_type=Literal["none"] | Envelope | tuple[Envelope, ...],
        ),
    ] = ()
    """The envelopes around the event, from the outside in."""
    encoding: Encoding = "json"
    framing: Literal["confluent", "none"] | None = None
    """Whether five bytes with the schema's id come first; null: yes, except for json."""
    registry: RegistrySettings | None = None
    """The registry of schemas, for framing confluent."""
    schema_file: ReadableFile | None = None
    """The one schema, for framing none: .avsc, or a FileDescriptorSet."""
    message: Text | None = None
    """The full name of the message in schema_file, for encoding protobuf."""
    audience: Text | None = None
    """The audience of every event, if the events name none."""
    tombstone: Literal["ignore", "remove"] = "ignore"
    """remove: a null value removes the member that the key names."""
    unknown_audience: Literal["dead_letter", "ignore"] = "dead_letter"
    """What happens to events of audiences that are not configured."""
    event_consent: Mapping[Text, Literal["amazon"]] = Field(default={})
    """Our consent signal for each consent category of the event."""
    mapping: MappingSettings = MappingSettings()
    """Required with format mapping; with other formats, its entries override theirs."""
    table: TableSettings | None = None
    """For format debezium: what the rows mean."""
    function: Text | None = None
    """For format python: the name of an entry point in the group audience_pipeline.sources."""
    restates: bool = False
    """Whether snapshots give a change the time of its message instead of its own time. Set it for a
    topic that repeats memberships which may be old."""
    largest_event_bytes: Count = 4_194_304
    """A larger event becomes a dead letter; bytes."""
    start: Literal["earliest", "latest"] = "earliest"
    """Where the first start begins to read; later partitions are always read from the beginning."""

    def is_framed(self) -> bool:
        """Whether the id of the schema comes before the value."""
        if self.framing is None:
            return self.encoding != "json"
        return self.framing == "confluent"

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        refuse((*self._encoding_problems(), *self._part_problems(), *self._mapping_problems()))
        return self

    def _encoding_problems(self) -> Iterator[Problem]:
        is_binary = self.encoding in {"avro", "protobuf"}
        if is_binary and self.is_framed() and self.registry is None:
            remedy = "set registry: {url: …}, or framing: none with schema_file"
            yield Problem(path=("registry",), what=f"{self.encoding} needs it", remedy=remedy)
        if is_binary and not self.is_framed() and self.schema_file is None:
            remedy = "set it to the schema, or framing: confluent with a registry"
            yield Problem(path=("schema_file",), what="framing none needs it", remedy=remedy)
        if self.schema_file is not None and (self.is_framed() or not is_binary):
            yield Problem(
                path=("schema_file",),
                what="is used only for avro and protobuf with framing none",
                remedy="remove it",
            )
        is_loose = self.encoding == "protobuf" and self.schema_file is not None
        if is_loose != (self.message is not None):
            what = "protobuf needs it beside schema_file" if is_loose else "is not read here"
            remedy = "name the message, such as 'acme.Membership'" if is_loose else "remove it"
            yield Problem(path=("message",), what=what, remedy=remedy)

    def _part_problems(self) -> Iterator[Problem]:
        yield from self._belongs("table", "debezium", self.table)
        yield from self._belongs("function", "python", self.function)
        if self.event_consent and not FORMATS[self.format].has_consent:
            yield Problem(
                path=("event_consent",),
                what=f"events of format {self.format} carry no consent by category",
                remedy="use mapping.consent",
            )
        if self.tombstone == "remove":
            yield from self._tombstone_problems()

    def _belongs(self, key: str, owner: Format, value: object) -> Iterator[Problem]:
        if self.format == owner and value is None:
            yield Problem(path=(key,), what=f"format {owner} needs it", remedy=f"add '{key}: …'")
        if self.format != owner and value is not None:
            remedy = f"remove it, or set format: {owner}"
            yield Problem(path=(key,), what=f"belongs to format {owner}", remedy=remedy)

    def _tombstone_problems(self) -> Iterator[Problem]:
        if self.format == "debezium":
            return
        wanted = ["member"] if self.audience is not None else ["audience", "member"]
        for name in wanted:
            if getattr(self.mapping, name) is None:
                yield Problem(
                    path=("mapping", name),
                    what="tombstone: remove needs it, because a null value has only its key",
                    remedy="set it to {key: /…}",
                )

    def _mapping_problems(self) -> Iterator[Problem]:
        mapping = self.mapping
        if self.format == "python":
            if mapping.model_fields_set:
                what = "is not read with format python"
                yield Problem(path=("mapping",), what=what, remedy="remove it")
            return
        if self.audience is not None and mapping.audience is not None:
            remedy = "keep one of audience and mapping.audience"
            yield Problem(path=("audience",), what="is given twice", remedy=remedy)
        yield from self._lacking(FORMATS[self.format].needs)
        if self.format != "mapping" and mapping.for_each is not None:
            remedy = "remove it, or set format: mapping"
            yield Problem(path=("mapping", "for_each"), what="needs format mapping", remedy=remedy)
        if self._names_no_audience():
            yield Problem(
                path=("mapping", "audience"),
                what="is required and missing: nothing names the audience",
                remedy="set it, or audience for the whole topic",
            )

    def _lacking(self, names: Iterable[str]) -> Iterator[Problem]:
        for name in names:
            if getattr(self.mapping, name) is None:
                yield Problem(
                    path=("mapping", name),
                    what="is required and missing",
                    remedy=f"add '{name}: {{pointer: /…}}'",
                )

    def _names_no_audience(self) -> bool:
        if self.audience is not None or self.mapping.audience is not None:
            return False
        if self.format == "debezium":
            return self.table is not None and self.table.audience is None
        return not FORMATS[self.format].names_audience
