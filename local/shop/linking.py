"""The shop's half of LINE's account link: a nonce server to server, then the browser goes on to LINE."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import quote

import httpx

from local.shop import canonical, signing
from local.shop.clock import ShopClock
from local.shop.config import ShopConfig


class LinkUnavailable(Exception):
    """The product gave no nonce; the customer is asked to try again."""


async def fetch_nonce(config: ShopConfig, client: httpx.AsyncClient, member_id: str, tries: int = 3) -> str:
    """Get a one-time nonce for a member who has just proved who she is. Raises LinkUnavailable.

    A lost answer is asked for again: a nonce that nobody uses does no harm.
    """
    body = json.dumps({"member_id": member_id}).encode()
    problem = "no answer"
    for attempt in range(tries):
        if attempt:
            await asyncio.sleep(config.retry_base_s * attempt)
        headers = {"Content-Type": "application/json"} | signing.standard_headers(
            config.webhook_secret, canonical.new_event_id(), ShopClock.machine_seconds(), body
        )
        try:
            answer = await client.post(f"{config.api_url}/v1/link/nonces", content=body, headers=headers)
        except httpx.HTTPError as error:
            problem = f"{type(error).__name__}: {error}"
            continue
        if answer.status_code == 201:
            return _nonce_in(answer)
        problem = f"status {answer.status_code}"
        if answer.status_code < 500 and answer.status_code != 429:
            break
    raise LinkUnavailable(problem)


def account_link_url(config: ShopConfig, link_token: str, nonce: str) -> str:
    """LINE's dialog address, both values percent-encoded: base64 holds `+`, and a bare `+` is a space."""
    query = f"linkToken={quote(link_token, safe='')}&nonce={quote(nonce, safe='')}"
    return f"{config.line_access_url}/dialog/bot/accountLink?{query}"


def _nonce_in(answer: httpx.Response) -> str:
    try:
        nonce = answer.json()["nonce"]
    except (ValueError, KeyError, TypeError) as error:
        raise LinkUnavailable("answer without nonce") from error
    if not isinstance(nonce, str) or not 10 <= len(nonce) <= 255:
        raise LinkUnavailable("nonce has not LINE's 10 to 255 characters")
    return nonce
