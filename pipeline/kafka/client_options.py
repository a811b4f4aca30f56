"""How to reach the cluster: the options of every Kafka client of this process."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from aiokafka.abc import AbstractTokenProvider

from pipeline.kafka.client_mends import steady_connections

SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOptions:
    """Addresses and credentials. Secrets are read when a client is made, so they may rotate."""

    bootstrap_servers: str
    client_id: str
    security_protocol: SecurityProtocol = "PLAINTEXT"
    ssl_context: Callable[[], ssl.SSLContext] | None = None
    sasl_mechanism: str = "PLAIN"
    username: str | None = None
    password: Callable[[], str] | None = None
    token: Callable[[], str] | None = None

    def arguments(self) -> dict[str, Any]:
        """Return keyword arguments for an aiokafka client, with freshly read secrets."""
        steady_connections()
        options: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap_servers,
            "client_id": self.client_id,
            "security_protocol": self.security_protocol,
        }
        if self.ssl_context is not None:
            options["ssl_context"] = self.ssl_context()
        if self.security_protocol.startswith("SASL"):
            options |= self._sasl()
        return options

    def _sasl(self) -> dict[str, Any]:
        if self.token is not None:
            return {
                "sasl_mechanism": "OAUTHBEARER",
                "sasl_oauth_token_provider": _TokenFromFile(self.token),
            }
        return {
            "sasl_mechanism": self.sasl_mechanism,
            "sasl_plain_username": self.username,
            "sasl_plain_password": self.password() if self.password is not None else None,
        }


class _TokenFromFile(AbstractTokenProvider):  # type: ignore[misc]
    def __init__(self, read: Callable[[], str]) -> None:
        self._read = read

    async def token(self) -> str:
        return self._read()
