"""Chooses the proxy of a request by the environment of the process."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from urllib.parse import unquote, urlsplit

from pipeline.settings.problems import Problem, SettingsError

SCHEMES = frozenset({"http", "https"})


@dataclass(frozen=True, slots=True)
class Proxy:
    """One proxy. Its credentials are in a header, never in the URL, which errors show."""

    url: str
    headers: Mapping[str, str] = field(repr=False)


def proxy_for(url: str, environ: Mapping[str, str]) -> Proxy | None:
    """Return the proxy for this address, or None for a direct connection.

    The rules are those of curl and most clients: `https_proxy` or `HTTPS_PROXY` for https,
    `http_proxy` or `HTTP_PROXY` for http, otherwise `all_proxy` or `ALL_PROXY`; small letters come
    first. `no_proxy` or `NO_PROXY` is a list of hosts, domains, `host:port`, networks
    (`10.0.0.0/8`), or `*`.

    Raises:
        SettingsError: the variable is not an http or https address.
    """
    target = urlsplit(url)
    name, value = _variable(environ, f"{target.scheme}_proxy", "all_proxy")
    port = target.port or {"http": 80, "https": 443}.get(target.scheme, 0)
    if not value or _is_exempt(target.hostname or "", port, _variable(environ, "no_proxy")[1]):
        return None
    return _proxy(name, value)


def _variable(environ: Mapping[str, str], *names: str) -> tuple[str, str]:
    spelled = [spelling for name in names for spelling in (name, name.upper())]
    found = ((name, environ.get(name, "").strip()) for name in spelled)
    return next(((name, value) for name, value in found if value), ("", ""))


def _proxy(name: str, value: str) -> Proxy:
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise _unusable(name) from None
    if not host or parts.scheme not in SCHEMES:
        raise _unusable(name)
    shown_host = f"[{host}]" if ":" in host else host
    place = shown_host if port is None else f"{shown_host}:{port}"
    return Proxy(f"{parts.scheme}://{place}", _authorisation(parts.username, parts.password))


def _unusable(name: str) -> SettingsError:
    """Return an error that does not show the variable's value: it may hold a password."""
    what = "must be the address of an http or https proxy"
    remedy = "write it like 'http://proxy:3128'"
    return SettingsError([Problem(path=(), what=what, remedy=remedy)], name)


def _authorisation(user: str | None, password: str | None) -> dict[str, str]:
    if user is None:
        return {}
    pair = f"{unquote(user)}:{unquote(password or '')}".encode()
    return {"Proxy-Authorization": f"Basic {b64encode(pair).decode()}"}


def _is_exempt(host: str, port: int, exceptions: str) -> bool:
    entries = exceptions.replace(",", " ").split()
    return any(_matches(host.lower(), port, entry.lower()) for entry in entries)


def _matches(host: str, port: int, entry: str) -> bool:
    if entry == "*":
        return True
    if "/" in entry:
        return _is_in_network(host, entry)
    name, _, its_port = entry.rpartition(":")
    if name and its_port.isdigit() and (":" not in name or name.endswith("]")):
        if int(its_port) != port:
            return False
        entry = name
    entry = entry.strip("[]").removeprefix("*").lstrip(".")
    return bool(entry) and (host == entry or host.endswith(f".{entry}"))


def _is_in_network(host: str, network: str) -> bool:
    try:
        return ip_address(host) in ip_network(network, strict=False)
    except ValueError:
        return False
