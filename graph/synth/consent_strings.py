"""TCF consent strings: the core segment of version 2.3's encoding (IAB Europe, "Consent string and vendor list formats")."""

from __future__ import annotations

import base64
from collections.abc import Sequence

__all__ = ["encode_tcf"]


def encode_tcf(purposes: Sequence[str], seconds: float) -> str:
    """Core segment that consents to `purposes` (numbers as text) at a time in seconds since 1970; no vendors listed."""
    deciseconds = int(seconds // 86_400) * 864_000  # TCF 2.2 and later keep the day alone
    chosen = "".join("1" if str(i) in purposes else "0" for i in range(1, 25))
    bits = "".join(
        (
            f"{2:06b}",  # version
            f"{deciseconds:036b}" * 2,  # created, updated
            f"{31:012b}{1:012b}{1:06b}",  # consent manager, its version, screen
            f"{ord('e') - 97:06b}{ord('n') - 97:06b}",  # language
            f"{48:012b}{5:06b}",  # vendor list, policy
            "10",  # service specific, standard texts
            "0" * 12,  # special features
            chosen,
            "0" * 24,  # legitimate interest
            "0",  # purpose one treatment
            f"{ord('D') - 65:06b}{ord('E') - 65:06b}",  # publisher's country
            "0" * 17,  # vendor consents: highest id 0, bit field
            "0" * 17,  # vendor legitimate interest: the same
            "0" * 12,  # no publisher restrictions
        )
    )
    bits += "0" * (-len(bits) % 8)
    return base64.urlsafe_b64encode(int(bits, 2).to_bytes(len(bits) // 8, "big")).decode().rstrip("=")
