"""What a text is good for: readable or opaque, in which script, and its beginning where it is long.

Hashed titles (`t23773`, `dom335`, a hex digest) carry no meaning that an encoder could find; vectors of them are noise.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

__all__ = ["clip", "is_readable", "readable_share", "spaceless_share", "wide_script_share"]

_OPAQUE = re.compile(
    r"""^(
        [a-z]{0,5}[-_:]?\d{2,}            # t23773, dom335, u19724, 4711
      | [0-9a-f]{12,}                     # digests
      | [0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{13,}  # UUIDs
      | [A-Za-z0-9+/_-]{24,}={0,2}        # base64
    )$""",
    re.VERBOSE,
)
_LETTER = re.compile(r"[^\W\d_]")
_SPACELESS = (  # Thai and Lao, Burmese, Khmer, kana, Han
    (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3040, 0x30FF),
    (0x3400, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF),
)  # fmt: skip
_SENTENCE_END = re.compile(r"[.!?](?=\s)|[。！？]")


def is_readable(text: str | None) -> bool:
    """Whether a person could read meaning in it: some letters, and not one opaque token. `t23773` is opaque, `U2` is not."""
    if not text:
        return False
    stripped = text.strip()
    return bool(_LETTER.search(stripped)) and not _OPAQUE.match(stripped)


def readable_share(texts: Iterable[str | None]) -> float:
    """Share of the given texts that are readable; 0 for none."""
    flags = [is_readable(t) for t in texts]
    return sum(flags) / len(flags) if flags else 0.0


def wide_script_share(texts: Sequence[str]) -> float:
    """Share of letters outside the Latin script, which an English model cannot read. At most 2,000 texts are looked at,
    evenly spread."""
    step = max(1, len(texts) // 2000)
    letters = latin = 0
    for text in texts[::step]:
        for character in text[:200]:
            if character.isalpha():
                letters += 1
                latin += character.isascii() or unicodedata.name(character, "").startswith("LATIN")
    return 1 - latin / letters if letters else 0.0


def spaceless_share(texts: Sequence[str]) -> float:
    """Share of letters of scripts that put no spaces between words. At most 2,000 texts are looked at, evenly spread."""
    step = max(1, len(texts) // 2000)
    letters = [ord(c) for text in texts[::step] for c in text[:200] if c.isalpha()]
    inside = sum(any(first <= c <= last for first, last in _SPACELESS) for c in letters)
    return inside / len(letters) if letters else 0.0


def clip(text: str, characters: int) -> str:
    """The first whole sentences that fit into `characters`, or its first characters when not even one fits."""
    text = " ".join(text.split())
    if len(text) <= characters:
        return text
    ends = [m.end() for m in _SENTENCE_END.finditer(text) if m.end() <= characters]
    return text[: ends[-1]].strip() if ends else text[:characters].strip()
