"""One HTTP request to LINE through line-bot-sdk's REST layer: raw dicts in, status and headers out.

The layer below the SDK's typed methods is used on purpose: their request models drop properties they do not know, and
their response models raise after LINE has accepted. The generated layer is the same in every package of the SDK;
`oauth` loads in 0.5 s, `messaging` with its 400 models in 1.15 s.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

_IDLE = timedelta(seconds=20)
"""A connection idle for longer may be dead without saying so (a frozen container, a NAT): the next request would hang
until its timeout, and an unclear answer to a reply can not be cleared up."""

_LEAST_S = 0.3


@dataclass(frozen=True)
class Reply:
    """`status` None: no answer, nobody knows what LINE did. `message` is LINE's own words, if it said any."""

    status: int | None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""

    @property
    def document(self) -> dict[str, Any]:
        """The body as a JSON object, {} if it is none."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def message(self) -> str | None:
        """LINE's `message` with its details; every part of it may be missing or null."""
        document = self.document
        words = [str(document["message"])] if document.get("message") else []
        details = document.get("details")
        for detail in details if isinstance(details, list) else []:
            if isinstance(detail, dict):
                words.append(f"{detail.get('property') or '?'}: {detail.get('message') or '?'}")
        return "; ".join(words) or None


class Budget:
    """Seconds that one use of LINE may take in all, over token, call and second call. `clock` is a monotonic one."""

    def __init__(self, total_s: float, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._until = clock() + total_s

    @property
    def spent(self) -> bool:
        """True if what is left is not worth a request."""
        return self._until - self._clock() < _LEAST_S

    def timeout(self, connect_s: float, read_s: float) -> tuple[float, float]:
        """(connect, read) timeouts, at most the given ones, that fit into what is left."""
        left = max(self._until - self._clock(), _LEAST_S)
        connect = min(connect_s, left / 2)
        return connect, min(read_s, left - connect)


class Rest:
    """Requests to one host. No retries and no redirects: whoever asks decides what an unclear answer means."""

    def __init__(self, host: str, now: Callable[[], datetime]) -> None:
        from linebot.v3.oauth import ApiClient, ApiException, Configuration
        from urllib3.exceptions import HTTPError

        configuration = Configuration(host=host.rstrip("/"))
        # urllib3's default is three silent retries: a push would be sent again behind the ledger's back.
        configuration.retries = False
        self.api_client: Any = ApiClient(configuration)
        self._host = host.rstrip("/")
        self._now = now
        self._used_at: datetime | None = None
        self._refused = ApiException
        self._no_answer = HTTPError

    def post(
        self, path: str, headers: Mapping[str, str], body: Mapping[str, Any] | None, timeout: tuple[float, float]
    ) -> Reply:
        """POST `body` as JSON. Never raises for what LINE or the network does."""
        self.forget_idle()
        sent = {"Content-Type": "application/json", "User-Agent": self.api_client.user_agent, **headers}
        try:
            answer = self.api_client.rest_client.post_request(
                self._host + path, headers=sent, body=body, _preload_content=False, _request_timeout=timeout
            )
        except self._refused as error:
            # The SDK gives status 0 for a failed TLS connection.
            return Reply(error.status or None, _lower(error.headers), _text(error.body))
        except self._no_answer:
            return Reply(None)
        return Reply(answer.status, _lower(answer.headers), self._read(answer))

    def forget_idle(self) -> None:
        """Drop connections that nobody used for a while."""
        now = self._now()
        if self._used_at is not None and now - self._used_at > _IDLE:
            self.api_client.rest_client.pool_manager.clear()
        self._used_at = now

    def _read(self, answer: Any) -> str:
        """The body of an answer whose status is known; "" if it breaks off: LINE has accepted all the same."""
        try:
            return _text(answer.data)
        except self._no_answer:
            return ""
        finally:
            answer.release_conn()


def _text(body: bytes | str | None) -> str:
    return body.decode("utf-8", "replace") if isinstance(body, bytes) else body or ""


def _lower(headers: Mapping[str, str] | None) -> dict[str, str]:
    return {name.lower(): value for name, value in (headers or {}).items()}
