"""Visits reduced to what is kept: the network of an address, the route of a page, no query.

A part of a path that looks like an id, a token or an address of somebody stands as `*`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Final

NETWORK_BITS: Final = {4: 24, 6: 48}
REMEMBERED: Final = 100_000
PARTS_MAX: Final = 12
PART_MAX: Final = 40  # characters of a part that may be a word
_ENDS: Final = re.compile(rb"[?#;]")
_OF_SOMEBODY: Final = re.compile(
    r"@|%40|%2540|^\d+$|\d{5}|[0-9a-f]{8}-|^(?=.*\d)[\w.~-]{16,}$", re.IGNORECASE
)


@lru_cache(maxsize=REMEMBERED)
def network_of(address: bytes) -> str:
    """The network of an address, such as 192.0.2.0/24 or 2001:db8:1::/48; empty for other text."""
    try:
        parsed = ip_address(address.decode("ascii").strip("[]"))
    except (ValueError, UnicodeDecodeError):
        return ""  # a name of a machine, or nothing
    if not isinstance(parsed, IPv4Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    whole = int(parsed) >> (parsed.max_prefixlen - NETWORK_BITS[parsed.version])
    first = type(parsed)(whole << (parsed.max_prefixlen - NETWORK_BITS[parsed.version]))
    return str(ip_network((first, NETWORK_BITS[parsed.version])))


def route_of(target: bytes) -> str:
    """The route of a request's target: its path without query, and without ids of anybody."""
    return _route_of_path(_ENDS.split(target, maxsplit=1)[0] if _ENDS.search(target) else target)


@lru_cache(maxsize=REMEMBERED)
def _route_of_path(path: bytes) -> str:
    parts = path.decode("utf-8", "backslashreplace").split("/")
    cut = parts[: PARTS_MAX + 1]
    route = "/".join("*" if _is_of_somebody(part) else part for part in cut)
    return route + "/*" if len(parts) > len(cut) else route


def _is_of_somebody(part: str) -> bool:
    return len(part) > PART_MAX or _OF_SOMEBODY.search(part) is not None
