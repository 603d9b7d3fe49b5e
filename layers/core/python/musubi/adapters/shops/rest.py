"""What sources of shops with a plain REST API share: a key, its pace, what a refusal means, the things of a list."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from musubi.adapters.shops.http import TOTAL_S, Answer, Http, TooLarge
from musubi.adapters.shops.source import ShopApi
from musubi.contracts.text import parse_json
from musubi.domain.errors import Permanent, Retryable

BUSY_S = 60
LIMIT = 16 * 1024 * 1024
"""Bytes of a page: a hundred orders, each of them a few kilobytes."""

_PASSING = frozenset({408, 425, 429})


class Pace:
    """Keeps calls at least `least_s` seconds apart, for shops that take one a second and refuse the next."""

    def __init__(
        self,
        least_s: float,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._least_s, self._monotonic, self._sleep = least_s, monotonic, sleep
        self._next: float | None = None

    def wait(self) -> None:
        """Return when the next call may be made."""
        now = self._monotonic()
        if self._next is not None and now < self._next:
            self._sleep(self._next - now)
            now = self._next
        self._next = now + self._least_s


class Rest:
    """Calls below one shop's base URL. Access is by the shop's grant (`ShopApi.bearer`) where its platform renews one, else by
    the keys in its secret.
    """

    def __init__(self, platform: str, api: ShopApi, pace: Pace | None = None, total_s: float = TOTAL_S) -> None:
        self._platform = platform
        self._api = api
        self._pace = pace
        self._http = Http(api.base_url, api.left_s, limit=LIMIT, total_s=total_s)

    def listed(self, path: str, name: str) -> list[dict[str, Any]]:
        """The objects of the list `name` in the answer to `path`, numbers exact. Raises as `ShopSource.changed` does."""
        found = self.object(path).get(name)
        if not isinstance(found, list):
            raise Permanent(f"{self._platform} api: answer has no list of {name}")
        return [one for one in found if isinstance(one, dict)]

    def object(self, path: str, body: bytes | None = None) -> dict[str, Any]:
        """The object that `path` answers: a GET, or a POST of `body`."""
        try:
            answer = self._accepted(self._by_grant(path, body) if self._api.bearer else self._by_key(path, body))
        except TooLarge:
            raise Permanent(f"{self._platform} api: answer is too large") from None
        found = parse_json(answer.body, f"{self._platform} api: answer")
        if not isinstance(found, dict):
            raise Permanent(f"{self._platform} api: answer is no object")
        return found

    def is_refused(self, answer: Answer) -> bool:
        """Whether it is the token that the shop does not take."""
        return answer.status == 401

    def is_passing(self, answer: Answer) -> bool:
        """Whether the same call may do better later."""
        return answer.status in _PASSING or answer.status >= 500

    def headers(self, key: str) -> Mapping[str, str]:
        """What a call with `key` (a line of the secret, or a token of the grant) is sent with."""
        return {"Accept": "application/json", "Authorization": f"Bearer {key}"}

    def hint(self, status: int) -> str:
        """What whoever reads of a refusal should look at."""
        return {401: "the token", 403: "the token's rights"}.get(status, "the base URL")

    def _by_key(self, path: str, body: bytes | None) -> Answer:
        """By the first key that the shop takes: one that was just replaced is still listed."""
        keys = self._api.keys()
        if not keys:
            raise Permanent(f"shops/{self._api.shop_id}/{self._platform}-api: no such secret")
        for key in keys:
            answer = self._call(path, body, key)
            if not self.is_refused(answer):
                break
        return answer

    def _by_grant(self, path: str, body: bytes | None) -> Answer:
        """A token that was refused is renewed once."""
        assert self._api.bearer is not None
        token = self._api.bearer()
        answer = self._call(path, body, token)
        if self.is_refused(answer):
            answer = self._call(path, body, self._api.bearer(token))
        return answer

    def _call(self, path: str, body: bytes | None, key: str) -> Answer:
        if self._pace:
            self._pace.wait()
        return self._http.request("GET" if body is None else "POST", path, body, self.headers(key))

    def _accepted(self, answer: Answer) -> Answer:
        """`answer` if it is one. A redirect is refused, not followed: the token would go with it."""
        if answer.status == 200:
            return answer
        if self.is_passing(answer):
            raise Retryable(f"{self._platform} api: {answer.status}", after_s=BUSY_S)
        raise Permanent(f"{self._platform} api: {answer.status}, check {self.hint(answer.status)}")
