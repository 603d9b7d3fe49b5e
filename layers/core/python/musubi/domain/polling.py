"""Asking a shop what changed: which window is next, how far everything is known, and when silence is suspicious. Pure.

A window is read page by page and may outlive the function that began it. Only when its last page was put on the queue
does the mark move, so a page that fails is read again, and whatever was read twice is recognised by its content.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from musubi.domain.events import Mode, ShopEvent
from musubi.domain.outcome import Outcome, Verdict
from musubi.domain.store_keys import HeardKey, MissedKey, PollKey

EN_ROUTE = timedelta(minutes=10)
"""How long a webhook may take. A change younger than this that a poll found first was not missed, only overtaken."""


@dataclass(frozen=True, kw_only=True)
class PollRules:
    """`overlap`: how far a window reaches back over the last one, and what the very first one leaves to the second.
    `first`: how far the very first one reaches back.
    `silence`: how long a shop that calls us may be quiet while polls find what its calls should have brought.
    """

    overlap: timedelta
    first: timedelta
    silence: timedelta


@dataclass(frozen=True, kw_only=True)
class Window:
    """What is being read: changes after `after` and not after `until`, both by the shop's clock. `mark` (machine time) is
    what will be known once it is read. `backfill`: the first window; what it holds is state, and news to nobody.
    """

    after: datetime
    until: datetime
    mark: datetime
    began_at: datetime
    backfill: bool = False
    cursor: str | None = None
    found: int = 0


@dataclass(frozen=True, kw_only=True)
class Report:
    """A window that was read to its end (machine time)."""

    began_at: datetime
    ended_at: datetime
    found: int
    backfill: bool = False


@dataclass(frozen=True, kw_only=True)
class Poll:
    """How far one kind of thing of one shop is known. All that changed before `mark` (machine time) was put on the queue."""

    shop_id: str
    platform: str
    what: str
    since: datetime
    mark: datetime
    window: Window | None = None
    last: Report | None = None
    failed_at: datetime | None = None
    failure: str | None = None
    version: int = 1

    @property
    def key(self) -> PollKey:
        return PollKey(self.shop_id, self.platform, self.what)


@dataclass(frozen=True, kw_only=True)
class Heard:
    """When a shop's webhook was last taken (machine time, give or take minutes: it is not written for each)."""

    shop_id: str
    platform: str
    at: datetime
    version: int = 1

    @property
    def key(self) -> HeardKey:
        return HeardKey(self.shop_id, self.platform)


@dataclass(frozen=True, kw_only=True)
class Missed:
    """A change that only a poll brought: its webhook was lost, or never sent. `type` is the event, `event_id` its id."""

    shop_id: str
    platform: str
    at: datetime
    type: str
    event_id: str
    version: int = 1

    @property
    def key(self) -> MissedKey:
        return MissedKey(self.shop_id, self.platform, self.at, self.event_id)


def first_poll(key: PollKey, now: datetime, rules: PollRules) -> Poll:
    """A shop that was never asked: known up to `first` ago, as if somebody had asked then."""
    mark = now - max(rules.first, rules.overlap)
    return Poll(shop_id=key.shop_id, platform=key.platform, what=key.what, since=now, mark=mark)


def opened(poll: Poll, now: datetime, ahead: timedelta, rules: PollRules) -> Poll:
    """`poll` with the window to read next: the one that was begun, else from before the mark to now.

    `now` is machine time and `ahead` how far the shop's clock is ahead of it (nothing, but where time can be moved: there a
    shop may date by either clock, so the window begins by the one and ends by the other).

    The first window, which messages nobody, leaves out the last `overlap`: the webhooks of that may still be on their way,
    and what a backfill has told to nobody no webhook tells again.
    """
    if poll.window is not None:
        return poll
    fresh = poll.last is None
    window = Window(
        after=poll.mark if fresh else poll.mark - rules.overlap,
        until=now - rules.overlap if fresh else now + max(ahead, timedelta()),
        mark=now - rules.overlap if fresh else now,
        began_at=now,
        backfill=fresh,
    )
    return replace(poll, window=window)


def turned(poll: Poll, cursor: str | None, found: int, now: datetime) -> Poll:
    """`poll` after a page of `found` things was put on the queue; with no further page the window is done.

    The mark never goes back, whatever the clocks of two functions say.
    """
    window = poll.window
    assert window is not None
    whole = window.found + found
    if cursor is not None:
        return _next(poll, window=replace(window, cursor=cursor, found=whole))
    report = Report(began_at=window.began_at, ended_at=now, found=whole, backfill=window.backfill)
    done = replace(poll, mark=max(poll.mark, window.mark), last=report, failed_at=None, failure=None)
    return _next(done, window=None)


def failed(poll: Poll, reason: str, now: datetime, *, restart: bool) -> Poll:
    """`poll` after a page that could not be read. The window stays; `restart` reads it again from its first page, because a
    shop that refuses a page may have forgotten the cursor.
    """
    window = replace(poll.window, cursor=None) if poll.window and restart else poll.window
    return _next(replace(poll, failed_at=now, failure=reason), window=window)


def _next(poll: Poll, window: Window | None) -> Poll:
    return replace(poll, window=window, version=poll.version + 1)


def judged(event: ShopEvent, outcome: Outcome, now: datetime) -> str | None:
    """The metric for what a poll brought: `PollKnown`, `PollMissed`, or `PollAhead` where the webhook may still come.

    None for anything else, and for a backfill: nobody expected webhooks from before the beginning. `now` is business time.
    """
    if event.mode is not Mode.POLL or event.is_backfill:
        return None
    if outcome.verdict is not Verdict.DONE:
        return "PollKnown"
    return "PollAhead" if now - event.as_of < EN_ROUTE else "PollMissed"


def is_silent(since: datetime, heard: Heard | None, missed: Missed | None, now: datetime, rules: PollRules) -> bool:
    """True if no webhook came for too long although there was something to tell: `missed` is the newest thing that only a
    poll found, `since` when the shop was first asked.
    """
    last = heard.at if heard else since
    return now - last >= rules.silence and missed is not None and missed.at > last
