"""HTTP calls to one shop's API: bounded in time and size, never redirected, never repeated behind the caller's back.

The host comes from the stage file only: no part of an address is ever taken from a webhook or an answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from musubi.domain.errors import Retryable

CONNECT_S = 2.0
TOTAL_S = 8.0
"""Seconds for one call, from the first byte sent to the last byte read."""

LIMIT = 4 * 1024 * 1024
"""Bytes of an answer that are read at most."""

TO_STORE_S = 4.0
"""Seconds of an invocation that are kept from the shop for storing what it said."""

PASSING_S = 30
_LEAST_S = 1.0
_CHUNK = 64 * 1024


class TooLarge(Exception):
    """The answer is larger than `LIMIT`; it was not read to its end."""


class NoAnswer(Retryable):
    """The call may have reached the shop, and nobody knows what it did there."""


@dataclass(frozen=True)
class Answer:
    """`headers` have lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Http:
    """Calls below one base URL. `left_s` is how many seconds the invocation has left."""

    def __init__(
        self,
        base_url: str,
        left_s: Callable[[], float],
        monotonic: Callable[[], float] = time.monotonic,
        limit: int = LIMIT,
        total_s: float = TOTAL_S,
    ) -> None:
        from urllib3 import PoolManager

        self._base_url = base_url
        self._left_s = left_s
        self._monotonic = monotonic
        self._limit = limit
        self._total_s = total_s
        self._pool = PoolManager(retries=False)

    def request(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        """One call and its whole answer, whatever its status.

        Raises NoAnswer when none came in time, another Retryable when the call was never sent, and TooLarge.
        """
        from urllib3 import Timeout
        from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

        total = min(self._total_s, self._left_s() - TO_STORE_S)
        if total < _LEAST_S:
            raise Retryable("out_of_time", after_s=1)
        until = self._monotonic() + total
        # A connection that slept in a frozen container may be dead without saying so: each call makes its own.
        sent = {"Connection": "close", "Accept-Encoding": "identity", "User-Agent": "musubi", **headers}
        timeout = Timeout(connect=min(CONNECT_S, total), read=total)
        try:
            found = self._pool.request(
                method,
                self._base_url + path,
                body=body,
                headers=sent,
                timeout=timeout,
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
            )
            try:
                read = self._read(found, until)
            finally:
                found.close()
                self._pool.clear()
        except (ConnectTimeoutError, NewConnectionError) as error:
            raise Retryable(f"shop API: {type(error).__name__}", after_s=PASSING_S) from None
        except HTTPError as error:
            raise NoAnswer(f"shop API: {type(error).__name__}", after_s=PASSING_S) from None
        return Answer(found.status, {name.lower(): value for name, value in found.headers.items()}, read)

    def _read(self, answer: Any, until: float) -> bytes:
        """The body, piece by piece: a server that drips would never meet a timeout that starts anew with every byte."""
        read = bytearray()
        while piece := answer.read1(_CHUNK):
            read += piece
            if len(read) > self._limit:
                raise TooLarge
            if self._monotonic() > until:
                raise NoAnswer("shop API: too slow", after_s=PASSING_S)
        return bytes(read)
