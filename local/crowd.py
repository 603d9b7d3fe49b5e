"""Many people at once, acted from outside in bulk and told to the story's oracle one by one."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any, TypeVar

from local.outside import Outside
from local.story import Story, StoryFailed, birthday_of, lots_of, printed

T = TypeVar("T")
_CHUNK = 200
_EVENTS_IN_BATCH = 40
_TRIES = 20


class Crowd:
    """Members with phones. Few at a time: each call under way wants a function's container of its own, and all share the
    machine's cores. Calls that the product answered with 5xx are repeated, as LINE's and a shop's server do.
    """

    def __init__(self, story: Story, outside: Outside, parallel: int = 3) -> None:
        self._story, self._outside, self._parallel = story, outside, parallel
        self.nonces_asked = 0
        """Calls of /v1/link/nonces, repeats included."""

    def members(
        self, count: int, birthday: date | None = None, lots: Sequence[tuple[date, int]] = (), **options: Any
    ) -> list[str]:
        """The shop invents members and announces them in batches of CloudEvents."""
        found: list[str] = []
        while len(found) < count:
            want = {
                "count": min(_CHUNK, count - len(found)),
                "batch_size": _EVENTS_IN_BATCH,
                "timeout_s": 100,
                **({"birthday": f"--{birthday:%m-%d}"} if birthday else {}),
                **({"lots": [{"points": n, "expires_on": on.isoformat()} for on, n in lots]} if lots else {}),
                **options,
            }
            at = self._story.now()
            for row in self._story.shop("POST", "/_shop/members", want)["members"]:
                self._story.oracle.member(row["member_id"], at, birthday_of(row["birthday"]))
                if row["lots"]:
                    self._story.oracle.points(row["member_id"], at, lots_of(row["lots"]))
                found.append(row["member_id"])
        return found

    def phones(self, count: int) -> list[str]:
        """People who have LINE and are no friends yet."""
        stamp = time.time_ns()
        wanted = [{"display_name": f"友だち{n}", "person": f"crowd-{stamp}-{n}"} for n in range(count)]
        made = self._story.line("POST", "/_sim/friends", {"friends": wanted})["friends"]
        users = [str(row["user_id"]) for row in made]
        self._story.names.update({user: f"…{user[-4:]}" for user in users})
        return users

    def follow(self, users: Sequence[str], together: int = 5, **options: Any) -> None:
        """Everybody follows; `together` events share one webhook request."""
        groups = [users[start : start + together] for start in range(0, len(users), together)]
        at = self._story.now()
        for user in users:
            self._story.oracle.follow(user, at)
        self._each(groups, lambda group: self._acts([{"user": user, "action": "follow"} for user in group], options))

    def say(self, users: Sequence[str], text: str) -> None:
        """Everybody writes the same words."""
        self._each(users, lambda user: self._acts([{"user": user, "action": "text", "text": text}], {}))

    def block(self, users: Sequence[str]) -> None:
        """Everybody blocks the account."""
        self._each(users, lambda user: self._acts([{"user": user, "action": "unfollow"}], {}))

    def link(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Each user proves to be the member: a nonce server to server, then LINE's accountLink webhook with it."""
        self._each(pairs, self._link_one)
        at = self._story.now()
        for user, member_id in pairs:
            self._story.oracle.linked(user, member_id, at)

    def nonce(self, member_id: str) -> str:
        """A nonce for a member who has just logged in at the shop."""
        for attempt in range(_TRIES):
            self.nonces_asked += 1
            answer = self._outside.nonce(member_id)
            if answer.status_code == 201:
                return str(answer.json()["nonce"])
            time.sleep(0.1 * attempt)
        raise StoryFailed(f"no nonce for member {member_id}: {answer.status_code} {answer.text[:200]}")

    def _link_one(self, pair: tuple[str, str]) -> None:
        user, member_id = pair
        self._acts([{"user": user, "action": "account_link", "nonce": self.nonce(member_id), "ok": True}], {})

    def _acts(self, acts: list[dict[str, Any]], options: dict[str, Any]) -> None:
        answer = self._story.line("POST", "/_sim/events", {"acts": acts, "options": options})
        for webhook in answer["webhooks"]:
            self._until_taken(webhook)

    def _until_taken(self, webhook: dict[str, Any]) -> None:
        """LINE's redelivery, as switched on for the channel: until a 2xx comes in time."""
        for attempt in range(_TRIES):
            if webhook["ok"]:
                return
            time.sleep(0.2 * attempt)
            webhook = self._story.line("POST", f"/_sim/webhooks/{webhook['number']}/redeliver")
        raise StoryFailed(f"webhook {webhook['number']} was not taken: {webhook['attempts'][-1]}")

    def order(self, member_ids: Sequence[str], **options: Any) -> list[str]:
        """Everybody orders once; returns the orders' numbers in the order of the members."""
        return self._each(member_ids, lambda member_id: self._story.order(member_id, **options))

    def ship(self, numbers: Sequence[str], **options: Any) -> None:
        """Every order leaves in a parcel of its own."""

        def one(number: str) -> None:
            at = self._story.now()
            body = {"carrier": "yamato", **options}
            row = self._story.shop("POST", f"/_shop/orders/{number}/ship", body)["order"]
            for parcel in row["parcels"][-1]["numbers"]:
                # The shop groups the digits by four; what a friend reads is the number that the carrier's page takes.
                self._story.oracle.shipped(printed(number), parcel.replace("-", ""), at)

        self._each(numbers, one)

    def cancel(self, numbers: Sequence[str], **options: Any) -> None:
        """Every order is cancelled; tell the oracle when that is settled."""
        self._each(numbers, lambda number: self._story.shop("POST", f"/_shop/orders/{number}/cancel", options))

    def release(self, patience_s: float, **options: Any) -> None:
        """Let the shop's held messages go and wait until all are delivered; raises StoryFailed if one never was."""
        self._story.shop("POST", "/_shop/release", {**options, "wait": False})
        self.await_shop(patience_s)

    def await_shop(self, patience_s: float) -> None:
        """Until the shop has no message on its way."""
        end = time.monotonic() + patience_s
        while not self._story.shop_is_idle(5):
            if time.monotonic() > end:
                raise StoryFailed("the shop's messages were not taken in time")
        if failed := self._story.shop("GET", "/_shop/outbox?state=failed")["messages"]:
            raise StoryFailed(f"{len(failed)} messages of the shop were never taken, such as {failed[0]}")

    def _each(self, things: Sequence[Any], do: Callable[[Any], T]) -> list[T]:
        with ThreadPoolExecutor(self._parallel) as pool:
            return list(pool.map(do, things))
