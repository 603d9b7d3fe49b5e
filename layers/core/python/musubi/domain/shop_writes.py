"""What musubi writes into a shop: a tag, a consent, points. Values only; a shop system's `writer` knows how."""

from __future__ import annotations

from dataclasses import dataclass

from musubi.domain.errors import Retryable


@dataclass(frozen=True)
class AddTag:
    """Mark the member's record in the shop; a member who has the tag already is a success."""

    tag: str


@dataclass(frozen=True)
class RemoveTag:
    """Take the mark off; a member who has no such tag is a success."""

    tag: str


@dataclass(frozen=True)
class SetConsent:
    """Whether the member takes promotion on LINE, as the friend said there. Never a consent to mail or SMS."""

    allowed: bool


@dataclass(frozen=True)
class GrantPoints:
    """Give `points` (> 0). `reason` is what the shop's staff and the member may read in the shop's own books."""

    points: int
    reason: str


REFUSED_TAG = "LINE配信停止"
"""The tag of those who refuse promotion on LINE, where a shop system has tags and no field for it; its staff reads it."""

ShopAction = AddTag | RemoveTag | SetConsent | GrantPoints


class Unclear(Retryable):
    """The shop may have done it or not: only a repeat with the same key is safe."""
