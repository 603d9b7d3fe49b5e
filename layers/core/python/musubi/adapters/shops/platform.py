"""The contract of a shop platform: how its calls are proven, what answer it expects, what it can do.

Standard library only. The webhook door imports every platform's description, and its cold start pays for each import, so
what reads bodies (`Normalise`) lives in a module of its own that only the worker loads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal


@dataclass(frozen=True)
class Call:
    """One webhook call as it came. `headers` have lower-case names; `urls` are the addresses the caller may have used
    (Square signs its own), best guess first; `query` is the decoded query string; `now` is machine time.
    """

    raw: bytes
    headers: Mapping[str, str]
    urls: Sequence[str]
    query: Mapping[str, str]
    now: datetime


class Kind(StrEnum):
    PUSH_FULL = "push"
    """Webhooks that carry what changed."""
    PUSH_THIN = "push + fetch"
    """Webhooks that name what changed; the worker asks the shop for it."""
    POLL = "poll"
    NEUTRAL = "neutral"
    """Not one product's format: any system can be made to speak it."""


class Proof(StrEnum):
    """How sure an adapter is of its vendor."""

    REAL_BODY = "real body"
    """A body that the vendor's system really sent goes through it."""
    VENDOR_DOC = "vendor doc"
    """Written from the vendor's documentation or code; no body of theirs was at hand."""
    ASSUMED = "assumed"
    """The vendor's documents leave out what matters (how it signs, above all). Off unless the stage names it."""


@dataclass(frozen=True, kw_only=True)
class Platform:
    """One shop system. `name` stands in the webhook's path, in the secret's name and in the stage's list.

    `verify` proves a call over its raw bytes with the shop's secrets and raises `SignatureRefused`. `status` is what tells the
    vendor that we took it. `keeps` are the beginnings of the header names that the worker needs. `greeting` recognises
    an unsigned call that a vendor makes to test the address; it is answered and forgotten. `splits`: a body may be a list
    of events. `mapped`: the shop's mapping file says how to read its bodies. `signature` and `retries` say in words, for the
    capability table, what the vendor does.
    """

    name: str
    title: str
    kind: Kind
    proof: Proof
    signature: str
    retries: str
    verify: Callable[[Call, Sequence[str]], None] | None = None
    status: int = 200
    keeps: tuple[str, ...] = ()
    greeting: Callable[[Call], bool] | None = None
    splits: bool = False
    mapped: bool = False
    fetches: bool = False
    """Its webhooks may only name what changed: the reader asks the shop (`source.Apis`)."""
    needs_api: bool = False
    """Without its API nothing of its webhooks can be read: a stage that takes them must name one."""
    hints: bool = False
    """Its webhooks only say that something changed, and what it was only a poll finds: none of that was missed."""
    renews_at: str | None = None
    """Where its OAuth access tokens are renewed, below the API's base URL (`oauth`); None: its API takes a key."""
    polls: tuple[Literal["orders", "members"], ...] = ()
    """What the shop can be asked for (see `source`)."""
    writes: tuple[Literal["tags", "consent", "points"], ...] = ()
    """What musubi can write into it (module `writer`, `open_writer(api) -> ShopWriter`)."""
    package: str = ""
    """Where its modules lie, if not under its name."""
    link_ways: str = "nonce API"
    unknown: str = ""
    """What the vendor's documents do not say."""

    def module(self, name: str) -> str:
        """The full name of one of its modules."""
        return f"musubi.adapters.shops.{self.package or self.name}.{name}"
