"""Bits of one segment of a consent string. In: base64url text without padding. Out: numbers, from the most significant bit on.

Whatever is not as the specification has it raises `SignalRefused`, the one error of these parsers: a text that cannot be read
permits nothing.
"""

from __future__ import annotations

import base64
import re

from graph.errors import InputError

__all__ = ["Bits", "SignalRefused"]

_ALPHABET = re.compile(r"[A-Za-z0-9_-]+")
_MOST_PADDING = 24
"""Bits that an encoder may add: to a whole byte, to a whole character, or to four of them; fewer than this, all zero."""
_LARGEST = 1 << 16
"""Fibonacci numbers from here on stand for no id of a section or vendor."""


class SignalRefused(InputError):
    """A consent string that permits nothing, for the reason in `reason`; never with a part of the string in it."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"consent string refused: {reason}")


class Bits:
    """A reader that moves forward. Raises SignalRefused at the end of the bits."""

    __slots__ = ("_left", "_value")

    def __init__(self, text: str) -> None:
        if not _ALPHABET.fullmatch(text):
            raise SignalRefused("a segment is empty or holds a character that base64url does not have")
        self._value = int.from_bytes(base64.urlsafe_b64decode(text + "A" * (-len(text) % 4)), "big") >> (-len(text) % 4 * 6)
        self._left = len(text) * 6

    @property
    def left(self) -> int:
        """How many bits are left."""
        return self._left

    def take(self, width: int) -> int:
        """The next `width` bits as a number."""
        if width > self._left:
            raise SignalRefused("it ends early")
        self._left -= width
        return (self._value >> self._left) & ((1 << width) - 1)

    def flag(self) -> bool:
        """The next bit."""
        return self.take(1) == 1

    def chosen(self, width: int) -> frozenset[int]:
        """Numbers from 1 on whose bit is set in the next `width` bits."""
        field = self.take(width)
        return frozenset(number for number in range(1, width + 1) if field >> (width - number) & 1)

    def letters(self, count: int) -> str:
        """Letters, six bits each, A as 0."""
        codes = [self.take(6) for _ in range(count)]
        if any(code > 25 for code in codes):
            raise SignalRefused("a language or country is none")
        return "".join(chr(65 + code) for code in codes)

    def fibonacci(self) -> int:
        """A number from 1 on in Fibonacci coding, which ends with two ones."""
        total, before, current, last = 0, 1, 1, False
        while True:
            bit = self.flag()
            if bit and last:
                return total
            if bit:
                total += current
            if current >= _LARGEST:
                raise SignalRefused("a Fibonacci number is too large")
            before, current, last = current, before + current, bit

    def end(self) -> None:
        """Make sure that nothing but padding is left."""
        if self._left >= _MOST_PADDING or self.take(self._left):
            raise SignalRefused("something follows where it should end")
