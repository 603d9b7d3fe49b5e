"""What shops with a plain REST API share: who may ask, what a refusal means, the things of a list, and what is clear of a
change whose answer never came.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from math import ceil, isfinite
from typing import Any

from musubi.adapters.shops.http import TOTAL_S, Answer, Http, NotSent, TooLarge
from musubi.adapters.shops.source import ShopApi
from musubi.contracts.text import parse_json
from musubi.domain.errors import Permanent, Retryable
from musubi.domain.shop_writes import Unclear

BUSY_S = 60
LONGEST_S = 900
LIMIT = 16 * 1024 * 1024
"""Bytes of a page: a hundred orders, each of them a few kilobytes."""

_PASSING = frozenset({408, 425, 429})
_NOT_BEGUN = frozenset({425, 429})
"""Turned away at the door."""

Signed = Callable[[str], Answer]
"""One call, signed with a token."""

_Request = Callable[[str, str, bytes | None, Mapping[str, str]], Answer]


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


class Refused(Permanent):
    """The shop said no, and would say so again. `status` is HTTP's; 0 where there is no key to ask with. `code` is the
    vendor's own word, where it has one.
    """

    def __init__(self, reason: str, status: int, code: str = "") -> None:
        super().__init__(reason)
        self.status = status
        self.code = code


class Rest:
    """Calls below one shop's base URL. Access is by the shop's grant (`ShopApi.bearer`) where its platform renews one, else by
    the tokens in its secret. Platforms that sign in, refuse or count in their own way override the methods without an
    underscore.
    """

    def __init__(self, platform: str, api: ShopApi, total_s: float = TOTAL_S, pace: Pace | None = None) -> None:
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

    def object(self, path: str, asked: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The object that `path` answers; `asked` is posted to it, where a question does not fit into an address."""
        try:
            answer = self.accepted(self.asked(path, asked))
        except TooLarge:
            raise Permanent(f"{self._platform} api: answer is too large") from None
        return self.read(answer)

    def asked(self, path: str, asked: Mapping[str, Any] | None = None) -> Answer:
        """What the shop says to GET `path`, or to a POST of `asked` there, whatever its status. Raises TooLarge."""
        return self._ask("GET" if asked is None else "POST", path, asked)

    def accepted(self, answer: Answer) -> Answer:
        """`answer` if it is one; raises Retryable or Refused."""
        if answer.status == 200:
            return answer
        raise self._busy(answer) if self.is_passing(answer) else self._refusal(answer)

    def read(self, answer: Answer) -> dict[str, Any]:
        """The object in an accepted answer."""
        found = parse_json(answer.body, f"{self._platform} api: answer")
        if not isinstance(found, dict):
            raise Permanent(f"{self._platform} api: answer is no object")
        return found

    def write(self, method: str, path: str, said: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The object that a change answers. Raises as `ShopWriter.write` does: Unclear whenever the shop may have begun."""
        answer = self._ask(method, path, said, self._changed)
        if 200 <= answer.status < 300:
            return self._done(answer)
        if self.is_begun(answer):
            raise Unclear(f"{self._platform} api: {self._words(answer)}", BUSY_S)
        raise self._busy(answer) if self.is_passing(answer) else self._refusal(answer)

    def headers(self, token: str) -> Mapping[str, str]:
        """What proves who asks. Raises Permanent for a token that can be none."""
        return {"Authorization": f"Bearer {token}"}

    def signed_in(self, call: Signed, key: str) -> Answer:
        """`call` with a line of the secret, where that is no token by itself."""
        return call(key)

    def is_refused(self, answer: Answer) -> bool:
        """Whether it is the token that the shop does not take."""
        return answer.status == 401

    def is_passing(self, answer: Answer) -> bool:
        """Whether the same call may do better later."""
        return answer.status in _PASSING or answer.status >= 500

    def is_begun(self, answer: Answer) -> bool:
        """Whether a change may have been made although the answer is a refusal."""
        return answer.status >= 500 or (self.is_passing(answer) and answer.status not in _NOT_BEGUN)

    def hint(self, status: int) -> str:
        """What whoever reads of a refusal should look at."""
        return {401: "the token", 403: "the token's rights"}.get(status, "the base URL")

    def keep_pace(self) -> None:
        """Return when the shop may be called again."""
        if self._pace:
            self._pace.wait()

    def code(self, answer: Answer) -> str:
        """The vendor's own word for a refusal; never what is quoted from the call."""
        return ""

    def _ask(self, method: str, path: str, said: Mapping[str, Any] | None, request: _Request | None = None) -> Answer:
        body = None if said is None else json.dumps(said, ensure_ascii=False).encode()
        kind = {} if body is None else {"Content-Type": "application/json"}

        def call(token: str) -> Answer:
            headers = {"Accept": "application/json", **kind, **self.headers(token)}
            self.keep_pace()
            return (request or self._http.request)(method, path, body, headers)

        return self._by_grant(call) if self._api.bearer else self._by_key(call)

    def _changed(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        try:
            return self._http.request(method, path, body, headers)
        except NotSent:
            raise
        except Retryable as error:
            raise Unclear(error.reason, error.after_s) from None
        except TooLarge:
            raise self._unread() from None

    def _done(self, answer: Answer) -> dict[str, Any]:
        try:
            return self.read(answer) if answer.body.strip() else {}
        except Permanent:
            raise self._unread() from None

    def _unread(self) -> Unclear:
        """A page of somebody in between may say 200 too."""
        return Unclear(f"{self._platform} api: answer can not be read", BUSY_S)

    def _by_key(self, call: Signed) -> Answer:
        """By the first token that the shop takes: one that was just replaced is still listed."""
        keys = self._api.keys()
        if not keys:
            raise Refused(f"shops/{self._api.shop_id}/{self._platform}-api: no such secret", 0)
        for key in keys:
            answer = self.signed_in(call, key)
            if not self.is_refused(answer):
                break
        return answer

    def _by_grant(self, call: Signed) -> Answer:
        """A token that was refused is renewed once."""
        assert self._api.bearer is not None
        token = self._api.bearer()
        answer = call(token)
        return call(self._api.bearer(token)) if self.is_refused(answer) else answer

    def _busy(self, answer: Answer) -> Retryable:
        return Retryable(f"{self._platform} api: {self._words(answer)}", after_s=_wait(answer))

    def _refusal(self, answer: Answer) -> Refused:
        """A redirect is one too, and not followed: the token would go with it."""
        code = self.code(answer)
        # What has a word of its own was understood there: only a key may still be at fault.
        words = self._words(answer) + (
            f", check {self.hint(answer.status)}" if not code or answer.status in (401, 403) else ""
        )
        return Refused(f"{self._platform} api: {words}", answer.status, code)

    def _words(self, answer: Answer) -> str:
        return f"{answer.status} {self.code(answer)}".strip()


def _wait(answer: Answer) -> int:
    """Seconds until the next try: as the shop says (Shopify in fractions, `2.0`), else a while."""
    try:
        told = float(answer.headers.get("retry-after", ""))
    except ValueError:
        # Nothing, or a date, which the standard allows.
        return BUSY_S
    return min(LONGEST_S, max(1, ceil(told))) if isfinite(told) else BUSY_S
