"""Warnings about the addresses of a destination, for every partner."""

from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import urlsplit


def unencrypted(*, api_url: str, token_url: str) -> Iterator[str]:
    """A warning for each address that is neither encrypted nor on this machine."""
    for key, url in (("api_url", api_url), ("token_url", token_url)):
        if urlsplit(url).scheme == "http" and not _is_local(urlsplit(url).hostname or ""):
            yield f"{key}: {url!r} sends secrets and tokens unencrypted; use https"


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
