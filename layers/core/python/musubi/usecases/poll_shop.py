"""Ask a shop what changed, put it on the queue that its webhooks go onto, and ring when those have fallen silent.

Enqueue, then move the mark: a function that dies in between reads a page twice, and the worker knows what it has seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from musubi.domain.errors import Permanent, Retryable
from musubi.domain.outcome import Outcome, Verdict
from musubi.domain.polling import Poll, PollRules, failed, first_poll, is_silent, opened, turned
from musubi.domain.store_keys import HeardKey, PollKey
from musubi.domain.writes import Committed, Create, Replace
from musubi.ports import Clock, ShopQueue, ShopSource, Store, What


@dataclass(frozen=True)
class Deps:
    store: Store
    clock: Clock
    queue: ShopQueue
    rules: PollRules


@dataclass(frozen=True)
class PolledShop:
    """A shop that can be asked. `pushes`: it also calls us, so that its silence means something."""

    shop_id: str
    platform: str
    whats: Sequence[What]
    pushes: bool


class _Overtaken(Exception):
    """Another run of the same poll has moved on; what this one enqueued does no harm."""


def poll_shop(shop: PolledShop, source: ShopSource, deps: Deps, out_of_time: Callable[[], bool]) -> Outcome:
    """Read each kind of thing up to now, or as far as time allows; the next run goes on from there.

    A page that can not be read is noted and counted (`PollsFailed` if it may pass, `PollsRefused` if not) and does not keep
    the other kinds from being read. What nobody foresaw is raised.
    """
    results = [_poll(shop, what, source, deps, out_of_time) for what in shop.whats]
    counts: dict[str, int] = {}
    for result in results:
        for name, value in result.counts.items():
            counts[name] = counts.get(name, 0) + value
    if shop.pushes and _is_silent(shop, deps):
        counts["SilentShops"] = 1
    verdict = Verdict.DONE if counts.get("PollFound") else Verdict.STALE
    reasons = [f"{what} {result.reason}" for what, result in zip(shop.whats, results, strict=True)]
    return Outcome(verdict, ", ".join(reasons), counts)


def _poll(shop: PolledShop, what: What, source: ShopSource, deps: Deps, out_of_time: Callable[[], bool]) -> Outcome:
    key = PollKey(shop.shop_id, shop.platform, what)
    stored = deps.store.load([key]).get(key)
    ahead = deps.clock.business() - deps.clock.machine()
    now = deps.clock.machine()
    poll = opened(stored or first_poll(key, now, deps.rules), now, ahead, deps.rules)
    # A window of another hour, and the very first, end before now: what changed since is read at once.
    behind = stored is None or stored.window is not None
    fresh, found = stored is None, 0
    try:
        while poll.window is not None:
            if out_of_time():
                return Outcome(Verdict.DONE, "goes_on", {"PollFound": found, "PollsCut": 1})
            cursor, count = _page(poll, what, source, deps)
            found += count
            poll, fresh = _store(turned(poll, cursor, count, deps.clock.machine()), deps, fresh=fresh), False
            now = deps.clock.machine()
            if poll.window is None and behind and now - poll.mark >= deps.rules.overlap:
                poll, behind = opened(poll, now, ahead, deps.rules), False
    except (Retryable, Permanent) as error:
        refused = isinstance(error, Permanent)
        failure = failed(poll, error.reason, deps.clock.machine(), restart=refused)
        _note(failure, deps, fresh=fresh)
        counts = {"PollFound": found, "PollsRefused" if refused else "PollsFailed": 1}
        return Outcome(Verdict.STALE, f"failed: {error.reason}", counts)
    except _Overtaken:
        return Outcome(Verdict.STALE, "overtaken", {"PollFound": found})
    return Outcome(Verdict.DONE, "done", {"PollFound": found})


def _page(poll: Poll, what: What, source: ShopSource, deps: Deps) -> tuple[str | None, int]:
    window = poll.window
    assert window is not None
    page = source.changed(what, window.after, window.until, window.cursor)
    if page.cursor is not None and page.cursor == window.cursor:
        raise Permanent("a page leads to itself")
    if page.snapshots:
        at = deps.clock.machine()
        deps.queue.send(poll.shop_id, poll.platform, page.snapshots, at=at, backfill=window.backfill)
    return page.cursor, len(page.snapshots)


def _store(poll: Poll, deps: Deps, *, fresh: bool) -> Poll:
    """Store `poll`; _Overtaken when somebody else has moved it meanwhile."""
    row = replace(poll, version=1) if fresh else poll
    if not isinstance(deps.store.commit([Create(row) if fresh else Replace(row)]), Committed):
        raise _Overtaken
    return row


def _note(poll: Poll, deps: Deps, *, fresh: bool) -> None:
    """Store what went wrong; a lost race means that another run knows better."""
    try:
        _store(poll, deps, fresh=fresh)
    except _Overtaken:
        return


def _is_silent(shop: PolledShop, deps: Deps) -> bool:
    polls = deps.store.polls_of(shop.shop_id, shop.platform)
    if not polls:
        return False
    key = HeardKey(shop.shop_id, shop.platform)
    heard = deps.store.load([key]).get(key)
    newest = next(iter(deps.store.latest_missed(shop.shop_id, shop.platform, 1)), None)
    since = min(poll.since for poll in polls)
    return is_silent(since, heard, newest, deps.clock.machine(), deps.rules)
