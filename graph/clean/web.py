"""URLs and addresses.

`canonical_url`: the key under which a page is one content: lower-case scheme and host, no default port, no fragment, no
tracking parameters, parameters sorted, percent-encoding in one form (w3lib). What is no URL stays as it is.
`network`: an IP in its canonical form (an IPv4 address inside IPv6 as IPv4, the first of a forwarding chain, no port, no scope);
an address that is no IP is an opaque network key and stays; loopback and unspecified addresses are nobody's.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from w3lib.url import canonicalize_url

from graph.clean.text import MAX_ID_BYTES, NULL_LIKE

__all__ = ["IPV4", "SIMPLE_URL", "canonical_url", "network"]

SIMPLE_URL = r"^https?://[a-z0-9.-]+\.[a-z]{2,24}/[A-Za-z0-9/_.~-]*$"
"""URLs that are canonical already (RE2 syntax): the fast way for columns."""
IPV4 = r"^([1-9]|[1-9]\d|1[013-9]\d|12[0-689]|2[01]\d|22[0-3])(\.(\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])){3}$"
"""IPv4 addresses that are canonical and neither unspecified, loopback nor multicast (RE2 syntax)."""
_TRACKING = re.compile(
    r"utm_\w+|gclid|gclsrc|dclid|gbraid|wbraid|fbclid|msclkid|yclid|ttclid|twclid|igshid|mc_cid|mc_eid|_ga|_gl|_hsenc|_hsmi"
    r"|mkt_tok|oly_anon_id|oly_enc_id|vero_id|wickedid",
    re.IGNORECASE,
)
_DEFAULT_PORT = {"http": ":80", "https": ":443"}


def canonical_url(url: str) -> str | None:
    """The content key of a URL; None for a blank one. A key over 1,024 bytes becomes its SHA-256."""
    url = url.strip()
    if not url:
        return None
    if "://" in url:
        try:
            parts = urlsplit(url)
            query = parts.query
            if query and _TRACKING.search(query):
                kept = [(k, v) for k, v in parse_qsl(query, keep_blank_values=True) if not _TRACKING.fullmatch(k)]
                query = urlencode(kept)
            host = parts.netloc.lower().removesuffix(_DEFAULT_PORT.get(parts.scheme.lower(), " "))
            url = canonicalize_url(urlunsplit((parts.scheme.lower(), host, parts.path, query, "")))
        except ValueError:
            pass  # no URL after all: an opaque key
    return url if len(url.encode()) <= MAX_ID_BYTES else f"url-sha256:{hashlib.sha256(url.encode()).hexdigest()}"


def network(text: str) -> str | None:
    """The network key of an address."""
    text = text.strip()
    if text.lower() in NULL_LIKE or not text or len(text.encode()) > MAX_ID_BYTES:
        return None
    first = text.split(",")[0].strip()
    bare = re.sub(r"^\[(.+)\](?::\d+)?$|^(\d+\.\d+\.\d+\.\d+):\d+$", r"\1\2", first).split("%")[0]
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return text
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    nobody = address.is_unspecified or address.is_loopback or address.is_multicast or str(address) == "255.255.255.255"
    return None if nobody else str(address)
