"""What sources of shops with a plain REST API share: a bearer token, what a refusal means, the things of a list."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, isfinite
from typing import Any

from musubi.adapters.shops.http import TOTAL_S, Answer, Http, TooLarge
from musubi.adapters.shops.source import ShopApi
from musubi.contracts.text import parse_json
from musubi.domain.errors import Permanent, Retryable

BUSY_S = 60
LONGEST_S = 900
LIMIT = 16 * 1024 * 1024
"""Bytes of a page: a hundred orders, each of them a few kilobytes."""

_PASSING = frozenset({408, 425, 429})


class Rest:
    """Questions below one shop's base URL. Access is by the shop's grant (`ShopApi.bearer`) where its platform renews one,
    else by the tokens in its secret.
    """

    def __init__(self, platform: str, api: ShopApi, total_s: float = TOTAL_S) -> None:
        self._platform = platform
        self._api = api
        self._http = Http(api.base_url, api.left_s, limit=LIMIT, total_s=total_s)

    def listed(self, path: str, name: str) -> list[dict[str, Any]]:
        """The objects of the list `name` in the answer to `path`, numbers exact. Raises as `ShopSource.changed` does."""
        found = self.object(path).get(name)
        if not isinstance(found, list):
            raise Permanent(f"{self._platform} api: answer has no list of {name}")
        return [one for one in found if isinstance(one, dict)]

    def object(self, path: str) -> dict[str, Any]:
        """The object that `path` answers."""
        try:
            answer = self.accepted(self.asked(path))
        except TooLarge:
            raise Permanent(f"{self._platform} api: answer is too large") from None
        return self.read(answer)

    def asked(self, path: str, body: bytes | None = None) -> Answer:
        """What the shop says to GET `path`, or to POST `body` there, whatever its status. Raises TooLarge."""
        return self._by_grant(path, body) if self._api.bearer else self._by_key(path, body)

    def accepted(self, answer: Answer) -> Answer:
        """`answer` if it is one. A redirect is refused, not followed: the token would go with it."""
        if answer.status == 200:
            return answer
        if self.is_passing(answer):
            raise Retryable(f"{self._platform} api: {answer.status}", after_s=_wait(answer))
        hint = {401: "the token", 403: "the token's rights"}.get(answer.status, "the base URL")
        raise Permanent(f"{self._platform} api: {answer.status}, check {hint}")

    def read(self, answer: Answer) -> dict[str, Any]:
        """The object in an accepted answer."""
        found = parse_json(answer.body, f"{self._platform} api: answer")
        if not isinstance(found, dict):
            raise Permanent(f"{self._platform} api: answer is no object")
        return found

    def headers(self, token: str) -> Mapping[str, str]:
        """What goes with each request."""
        return {"Accept": "application/json", "Authorization": f"Bearer {token}"}

    def is_refused(self, answer: Answer) -> bool:
        """Whether it is the token that the shop does not take."""
        return answer.status == 401

    def is_passing(self, answer: Answer) -> bool:
        """Whether the same call may do better later."""
        return answer.status in _PASSING or answer.status >= 500

    def request(self, path: str, body: bytes | None, token: str) -> Answer:
        """One call with one token."""
        return self._http.request("GET" if body is None else "POST", path, body, self.headers(token))

    def _by_key(self, path: str, body: bytes | None) -> Answer:
        """By the first token that the shop takes: one that was just replaced is still listed."""
        keys = self._api.keys()
        if not keys:
            raise Permanent(f"shops/{self._api.shop_id}/{self._platform}-api: no such secret")
        for key in keys:
            answer = self.request(path, body, key)
            if not self.is_refused(answer):
                break
        return answer

    def _by_grant(self, path: str, body: bytes | None) -> Answer:
        """A token that was refused is renewed once."""
        assert self._api.bearer is not None
        token = self._api.bearer()
        answer = self.request(path, body, token)
        if self.is_refused(answer):
            answer = self.request(path, body, self._api.bearer(token))
        return answer


def _wait(answer: Answer) -> int:
    """Seconds until the next try: as the shop says (Shopify in fractions, `2.0`), else a while."""
    try:
        told = float(answer.headers.get("retry-after", ""))
    except ValueError:
        # Nothing, or a date, which the standard allows.
        return BUSY_S
    return min(LONGEST_S, max(1, ceil(told))) if isfinite(told) else BUSY_S
