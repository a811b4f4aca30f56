"""Turns errors of a file server, or of the way to it, into one line."""

import socket
from collections.abc import Sequence
from typing import TypeAlias

import asyncssh

from pipeline.stages.snapshot.ports import StorageRefused, StorageUnavailable

_Kind: TypeAlias = type[StorageRefused] | type[StorageUnavailable]

_LINES: Sequence[tuple[type[Exception], _Kind, str]] = (
    (
        asyncssh.PermissionDenied,
        StorageRefused,
        "it does not accept user and private key; add the public key to the user's accepted keys",
    ),
    (
        asyncssh.SFTPPermissionDenied,
        StorageRefused,
        "permission denied; let the user read, write, list and delete in the folder",
    ),
    (
        asyncssh.SFTPOpUnsupported,
        StorageRefused,
        "it cannot replace a file in one step (posix-rename); another server is needed",
    ),
    (
        asyncssh.ChannelOpenError,
        StorageRefused,
        "it offers no SFTP to this user; have its operator allow it",
    ),
    (asyncssh.SFTPNoSpaceOnFilesystem, StorageUnavailable, "its disk is full; make room"),
    (asyncssh.SFTPQuotaExceeded, StorageUnavailable, "the user's quota is used up; raise it"),
    (asyncssh.SFTPError, StorageUnavailable, "the request failed on the server"),
    (asyncssh.Error, StorageUnavailable, "the connection was lost"),
    (socket.gaierror, StorageUnavailable, "DNS has no address for it; check the name"),
    (
        ConnectionRefusedError,
        StorageUnavailable,
        "it refuses connections; check address and port",
    ),
    (TimeoutError, StorageUnavailable, "no answer in time"),
    (OSError, StorageUnavailable, "the connection was lost"),
)
"""The first line that fits counts. The server's own text may quote anything, so it is not shown."""


def trouble(error: Exception, place: str) -> StorageUnavailable | StorageRefused:
    """Return the exception for an error of the library; `place` names the server."""
    return next(
        kind(f"{place}: {line}") for fitting, kind, line in _LINES if isinstance(error, fitting)
    )


def host_key_trouble(place: str, *, is_known: bool) -> StorageRefused:
    """Return the error for a wrong host key: another server may answer, so a person must decide."""
    if is_known:
        return StorageRefused(
            f"{place}: its host key is not the one of known_hosts_file; do not deliver until its "
            "operator confirms the new key, then replace it in the file"
        )
    return StorageRefused(
        f"{place}: known_hosts_file has no key for it; get the key from its operator and add it"
    )
