"""The two ways in which LINE counts text (§2.9)."""

from __future__ import annotations

import unicodedata

_ZWJ = "\u200d"


def utf16(text: str) -> int:
    """UTF-16 code units: LINE's general rule; an emoji outside the BMP counts 2."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def graphemes(text: str) -> int:
    """User-perceived characters: the rule for labels, titles and displayed texts of actions.

    An approximation of UAX #29 with the standard library: combining marks, variation selectors, skin tones, ZWJ
    sequences, flags, Hangul jamo and CRLF join their predecessor.
    """
    count, previous, flags = 0, "", 0
    for char in text:
        if _is_flag(char):
            flags += 1
            joins = flags % 2 == 0
        else:
            flags = 0
            joins = previous != "" and _joins(char, previous)
        count += 0 if joins else 1
        previous = char
    return count


def _is_flag(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"


def _joins(char: str, previous: str) -> bool:
    if previous == "\r" and char == "\n":
        return True
    if _ZWJ in (char, previous):
        return True
    if "\U0001f3fb" <= char <= "\U0001f3ff" or "\U000e0020" <= char <= "\U000e007f":
        return True
    if "\u1160" <= char <= "\u11ff":
        return True
    return unicodedata.category(char) in {"Mn", "Me", "Mc"}
