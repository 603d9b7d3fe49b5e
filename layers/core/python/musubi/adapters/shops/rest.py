"""What sources of shops with a plain REST API share: a bearer token, what a refusal means, the things of a list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from musubi.adapters.shops.http import Answer, Http, TooLarge
from musubi.adapters.shops.source import ShopApi
from musubi.contracts.text import parse_json
from musubi.domain.errors import Permanent, Retryable

BUSY_S = 60
LIMIT = 16 * 1024 * 1024
"""Bytes of a page: a hundred orders, each of them a few kilobytes."""

_PASSING = frozenset({408, 425, 429})


class Rest:
    """GET below one shop's base URL. Access is by the shop's grant (`ShopApi.bearer`) where its platform renews one, else by
    the tokens in its secret.
    """

    def __init__(self, platform: str, api: ShopApi) -> None:
        self._platform = platform
        self._api = api
        self._http = Http(api.base_url, api.left_s, limit=LIMIT)

    def listed(self, path: str, name: str) -> list[dict[str, Any]]:
        """The objects of the list `name` in the answer to `path`, numbers exact. Raises as `ShopSource.changed` does."""
        found = self.object(path).get(name)
        if not isinstance(found, list):
            raise Permanent(f"{self._platform} api: answer has no list of {name}")
        return [one for one in found if isinstance(one, dict)]

    def object(self, path: str) -> dict[str, Any]:
        """The object that `path` answers."""
        try:
            answer = self._accepted(self._by_grant(path) if self._api.bearer else self._by_key(path))
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

    def _by_key(self, path: str) -> Answer:
        """By the first token that the shop takes: one that was just replaced is still listed."""
        keys = self._api.keys()
        if not keys:
            raise Permanent(f"shops/{self._api.shop_id}/{self._platform}-api: no such secret")
        for key in keys:
            answer = self._http.request("GET", path, None, _headers(key))
            if not self.is_refused(answer):
                break
        return answer

    def _by_grant(self, path: str) -> Answer:
        """A token that was refused is renewed once."""
        assert self._api.bearer is not None
        token = self._api.bearer()
        answer = self._http.request("GET", path, None, _headers(token))
        if self.is_refused(answer):
            answer = self._http.request("GET", path, None, _headers(self._api.bearer(token)))
        return answer

    def _accepted(self, answer: Answer) -> Answer:
        """`answer` if it is one. A redirect is refused, not followed: the token would go with it."""
        if answer.status == 200:
            return answer
        if self.is_passing(answer):
            raise Retryable(f"{self._platform} api: {answer.status}", after_s=BUSY_S)
        hint = {401: "the token", 403: "the token's rights"}.get(answer.status, "the base URL")
        raise Permanent(f"{self._platform} api: {answer.status}, check {hint}")


def _headers(token: str) -> Mapping[str, str]:
    return {"Accept": "application/json", "Authorization": f"Bearer {token}"}
