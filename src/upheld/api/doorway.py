"""What is refused before anything answers it: requests that two readers would read in two ways.

A head above the limit, however it arrived; a length beside chunks, by which a proxy and we could
take different bytes for the body; a Host that is not ours, so that somebody else's name leads here.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from starlette.types import Scope

HEAD_MAX: Final = 16 * 1024
LOCAL: Final = "localhost"
_AROUND: Final = 4  # bytes of a header line besides its name and value


class RefusedRequest(NamedTuple):
    """A status and a sentence."""

    status: int
    sentence: str


TOO_LARGE: Final = RefusedRequest(431, "the head of the request is too large")
TWO_LENGTHS: Final = RefusedRequest(400, "the request has both a length and chunks")
NOT_OURS: Final = RefusedRequest(
    421, "this is not the address of this service; see `url` in its settings"
)


def refusal(scope: Scope, url: str) -> RefusedRequest | None:
    """Why a request is refused, if it is; `url` is the service's own address, if it has one."""
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    size = len(scope.get("raw_path") or b"") + len(scope.get("query_string") or b"")
    names = set()
    for name, value in headers:
        size += len(name) + len(value) + _AROUND
        names.add(name)
    if size > HEAD_MAX:
        return TOO_LARGE
    if {b"content-length", b"transfer-encoding"} <= names:
        return TWO_LENGTHS
    hosts = [value.decode("latin-1") for name, value in headers if name == b"host"]
    if url and hosts and not all(is_ours(host, url) for host in hosts):
        return NOT_OURS
    return None


def is_ours(host: str, url: str) -> bool:
    """Whether a Host is that of our address, of this machine, or a number that nobody can rename.

    A service whose address is that of all networks has no name to compare with.
    """
    own, host_name = urlsplit(url), _name_of(host)
    if host_name is None:
        return False
    name = own.hostname or ""
    return (
        host_name in (name, LOCAL) or _is_number(host_name) or (_is_number(name) and _is_all(name))
    )


def _name_of(host: str) -> str | None:
    """The name or number in a Host; None where it is none."""
    try:
        address = urlsplit(f"//{host}")
        _ = address.port  # ValueError where it is no number
    except ValueError:
        return None
    plain = address.username is None and not (address.path or address.query or address.fragment)
    return address.hostname if plain else None


def _is_number(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _is_all(name: str) -> bool:
    return ip_address(name).is_unspecified
