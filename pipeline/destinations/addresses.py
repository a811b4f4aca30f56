"""What is to be said of a destination's addresses, whoever the partner is."""

from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import urlsplit


def unencrypted(*, api_url: str, token_url: str) -> Iterator[str]:
    """A line for each that leads out of this machine without encryption."""
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
