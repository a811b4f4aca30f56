"""Settings of Kafka: the connection, security, and the timeouts of groups and transactions."""

from collections.abc import Iterator
from typing import Literal, Self

from pydantic import Field, model_validator

from pipeline.settings.problems import Problem
from pipeline.settings.secrets import Secret, pair_problems, secret
from pipeline.settings.values import (
    BootstrapServers,
    Flag,
    Hidden,
    Positive,
    ReadableFile,
    SecretFile,
    Section,
    Text,
    TopicText,
    Whole,
    refuse,
)

SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]


COMMAND_SECONDS = 10.0


class SslSettings(Section):
    """Used if security_protocol is SSL or SASL_SSL; without files, the system's certificates."""

    ca_file: ReadableFile | None = None
    """A file of certificates to trust, PEM; null: the system's certificates."""
    cert_file: ReadableFile | None = None
    """Our certificate for mutual TLS, PEM."""
    key_file: ReadableFile | None = None
    """The private key of cert_file, PEM."""
    key_password: Hidden | None = None
    key_password_file: SecretFile | None = None
    check_hostname: Flag = True

    def key_secret(self) -> Secret | None:
        """The password of key_file; None if the file has none."""
        return secret(self.key_password, self.key_password_file)

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        refuse(self._problems())
        return self

    def _problems(self) -> Iterator[Problem]:
        locked = self.key_password is not None or self.key_password_file is not None
        if locked:
            yield from pair_problems("key_password", self.key_password, self.key_password_file)
        if (self.cert_file is None) != (self.key_file is None):
            lacking = "cert_file" if self.cert_file is None else "key_file"
            yield Problem(
                path=(lacking,),
                what="is missing: a certificate needs its key, and a key its certificate",
                remedy="set both cert_file and key_file, or neither",
            )


class SaslSettings(Section):
    """Used if security_protocol is SASL_PLAINTEXT or SASL_SSL."""

    mechanism: SaslMechanism | None = None
    username: Text | None = None
    password: Hidden | None = None
    password_file: SecretFile | None = None
    token_file: SecretFile | None = None
    """A mounted file that holds a token, for OAUTHBEARER; read at each connection."""

    def secret(self) -> Secret | None:
        """The password, or for OAUTHBEARER the token; None without SASL."""
        if self.mechanism == "OAUTHBEARER":
            return secret(None, self.token_file)
        return secret(self.password, self.password_file)

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        refuse(self._problems())
        return self

    def _problems(self) -> Iterator[Problem]:
        if self.mechanism is None:
            return
        if self.mechanism == "OAUTHBEARER":
            if self.token_file is None:
                remedy = "set it to a mounted file that holds a token"
                yield Problem(path=("token_file",), what="OAUTHBEARER needs it", remedy=remedy)
            return
        if self.username is None:
            what = f"{self.mechanism} needs it"
            yield Problem(path=("username",), what=what, remedy="set it")
        yield from pair_problems("password", self.password, self.password_file)


class KafkaSettings(Section):
    """The cluster, our name in it, and the timeouts after which a process counts as dead."""

    bootstrap_servers: BootstrapServers = "localhost:9092"
    """host:port; separate several with commas."""
    client_id: Text = "audience-pipeline"
    """Our name in the logs and quotas of the brokers."""
    namespace: TopicText = "audience"
    """The first part of the names of all our topics, groups and transactions."""
    exactly_once: Flag = True
    """false only for brokers without transactions; delivery is then at least once."""
    instance_id: TopicText | None = None
    """Static membership, for platforms that guarantee one process per identity."""
    security_protocol: SecurityProtocol = "PLAINTEXT"
    ssl: SslSettings = SslSettings()
    sasl: SaslSettings = SaslSettings()
    session_timeout_ms: Whole = Field(default=10_000, ge=1_000, le=1_800_000)
    """A process that sends no heartbeat for so long loses its partitions; milliseconds."""
    heartbeat_interval_ms: Whole = Field(default=1_000, ge=100)
    """The interval of heartbeats; processes learn of a rebalance from them; milliseconds."""
    rebalance_timeout_ms: Whole | None = Field(default=None, ge=1_000)
    """How long a rebalance waits for a member, milliseconds; null: derived."""
    transaction_timeout_ms: Whole = Field(default=15_000, ge=1_000, le=900_000)
    """A transaction left open is aborted after this, milliseconds."""
    replication_factor: Whole | None = Field(default=None, ge=1, le=32_767)
    """For topics we create; null: 3 if the cluster has three brokers, otherwise 1."""
    startup_timeout_seconds: Positive | None = None
    """How long a start waits for the brokers; null: as long as it takes."""

    def answer_seconds(self) -> float:
        """How long a command waits for the brokers; less than a start, because a person waits."""
        return (
            COMMAND_SECONDS
            if self.startup_timeout_seconds is None
            else self.startup_timeout_seconds
        )

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        refuse((*self._sasl_problems(), *self._clock_problems()))
        return self

    def _sasl_problems(self) -> Iterator[Problem]:
        wanted = self.security_protocol.startswith("SASL")
        if wanted and self.sasl.mechanism is None:
            yield Problem(
                path=("sasl", "mechanism"),
                what=f"{self.security_protocol} needs it",
                remedy="set it to PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER",
            )
        if not wanted and self.sasl.mechanism is not None:
            yield Problem(
                path=("security_protocol",),
                what="does not use kafka.sasl",
                value=repr(self.security_protocol),
                remedy="set it to SASL_SSL (or SASL_PLAINTEXT), or remove kafka.sasl",
            )

    def _clock_problems(self) -> Iterator[Problem]:
        # A proof of ownership lasts for the session less two heartbeats, so that must not be short.
        if self.heartbeat_interval_ms * 3 > self.session_timeout_ms:
            yield Problem(
                path=("heartbeat_interval_ms",),
                what="must be at most a third of session_timeout_ms",
                value=str(self.heartbeat_interval_ms),
                remedy=f"set it to {self.session_timeout_ms // 3} or less",
            )
