"""Acts of a story, from outside only: taps on phones, the shop's pages and control calls, the clock. Nothing of `musubi`.

Every act is told to the oracle as well, so that at the end LINE's ground truth can be compared with what a shopkeeper
would expect.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from local.clock import Mover
from local.endpoints import ROOT, Endpoints
from local.stack.settle import settle
from tests.support.oracle import TOKYO, Difference, Expected, Oracle, classify, compare

PASSWORD = "musubi-demo"  # noqa: S105 - every invented member of the demo shop has it
PATIENCE_S = 120.0


class StoryFailed(AssertionError):
    """Something that the story relies on did not happen; the message says what was seen instead."""


class Story:
    """One story on one running stack."""

    def __init__(self, endpoints: Endpoints, home: Path, patience_s: float = PATIENCE_S) -> None:
        self.endpoints, self.home, self.patience_s = endpoints, home, patience_s
        self.oracle = Oracle()
        self.names: dict[str, str] = {}
        self._line = httpx.Client(base_url=endpoints.line, timeout=60)
        self._shop = httpx.Client(base_url=endpoints.shop, timeout=180)
        self.began = self.now()
        # A stack may have been played on before: its people and what was held against it then are no part of this story.
        self._strangers = {row["user_id"] for row in self.line("GET", "/_sim/friends")["friends"]}
        self._flagged_before = len(self.line("GET", "/_sim/violations")["violations"])

    # --- time ----------------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        """Business time as the phones show it."""
        return datetime.fromisoformat(self.line("GET", "/_sim/clock")["business_now"])

    def clock(self, at: datetime) -> None:
        """Move business time forward; returns when all that became due is settled."""
        Mover(self.endpoints, self.home, self.patience_s).walk(at)

    def settle(self) -> None:
        """Wait until nothing moves any more."""
        settle(self.endpoints, self.patience_s, self.home)

    # --- LINE ----------------------------------------------------------------------------------------------------

    def line(self, method: str, path: str, body: Any = None) -> Any:
        """One control call to the simulator."""
        return _answer(self._line.request(method, path, json=body))

    def friend(self, name: str) -> str:
        """A person with a phone, not a friend of the account yet."""
        user: str = self.line("POST", "/_sim/friends", {"display_name": name, "person": f"{name}-{time.time_ns()}"})[
            "user_id"
        ]
        self.names[user] = name
        return user

    def act(self, user: str, action: str, **body: Any) -> Any:
        """One act on a phone."""
        return self.line("POST", f"/_sim/friends/{user}/{action}", body)

    def follow(self, user: str, **options: Any) -> None:
        self.oracle.follow(user, self.now())
        self.act(user, "follow", **options)

    def block(self, user: str) -> None:
        self.act(user, "unfollow")
        self.settle()
        self.oracle.block(user, self.now())

    def refuse_promo(self, user: str) -> None:
        self.act(user, "text", text="配信停止")
        self.settle()
        self.oracle.refused_promo(user, self.now())

    def unlink(self, user: str) -> None:
        self.act(user, "text", text="連携解除")
        self.settle()
        self.oracle.unlinked(user, self.now())

    def link(self, user: str, member_id: str) -> None:
        """Tap 会員連携, log in at the shop, agree in LINE's dialog."""
        self.await_message(user, "greeting")
        self.oracle.asked_to_link(user)
        before = self._count(user)
        self.act(user, "tap", label="会員連携")
        self._await(lambda: self._count(user) > before, f"{self.names[user]} got no login button")
        tapped = self.act(user, "tap", label="ログインして連携")["tapped"]
        self._log_in(user, member_id, tapped.get("uri") or tapped["url"])
        self.oracle.linked(user, member_id, self.now())
        self.await_message(user, "link_confirmation")

    def _log_in(self, user: str, member_id: str, url: str) -> None:
        query = parse_qs(urlsplit(url).query)
        if "linkToken" not in query:
            raise StoryFailed(f"the login button leads to {url}, without a linkToken")
        with httpx.Client(timeout=60) as browser:
            page = browser.get(url)
            page.raise_for_status()
            form = {"member_id": member_id, "password": PASSWORD, "linkToken": query["linkToken"][0]}
            answer = browser.post(f"{self.endpoints.shop}/login", data=form)
            if answer.status_code not in (302, 303):
                raise StoryFailed(f"the shop's login answered {answer.status_code}: {answer.text[:300]}")
            dialog = answer.headers["location"]
            browser.get(dialog, params={**_query(dialog), "browser_user": user}).raise_for_status()
            agreed = {**_query(dialog), "browser_user": user, "agree": "1"}
            browser.post(dialog.split("?")[0], data=agreed).raise_for_status()

    def accepted(self, user: str | None = None) -> list[dict[str, Any]]:
        """Ground truth: what LINE accepted, oldest first."""
        query = f"?user={user}" if user else ""
        rows: list[dict[str, Any]] = self.line("GET", f"/_sim/accepted{query}")["accepted"]
        return rows

    def _count(self, user: str) -> int:
        return len(self.accepted(user))

    def await_message(self, user: str, kind: str) -> None:
        """Wait until `user` has a message of `kind`."""
        self._await(
            lambda: any(classify(row["messages"])[0] == kind for row in self.accepted(user)),
            f"{self.names[user]} got no {kind}",
        )

    def _await(self, true: Callable[[], bool], complaint: str) -> None:
        end = time.monotonic() + self.patience_s
        while not true():
            if time.monotonic() > end:
                raise StoryFailed(complaint)
            time.sleep(0.1)

    # --- the shop ------------------------------------------------------------------------------------------------

    def shop(self, method: str, path: str, body: Any = None) -> Any:
        """One control call to the demo shop; its messages must all have been taken."""
        # The shop's own patience is 20 s; a busy machine starts functions slower than that.
        patient = {"timeout_s": self.patience_s, **body} if isinstance(body, dict) else body
        answer = _answer(self._shop.request(method, path, json=patient))
        if isinstance(answer, dict) and answer.get("settled") is False:
            late = [m for m in answer.get("messages", []) if m.get("state") != "delivered"]
            raise StoryFailed(f"{path}: the shop's messages were not taken: {json.dumps(late)[:400]}")
        return answer

    def shop_is_idle(self, timeout_s: float) -> bool:
        """Whether no message of the shop is on its way, after waiting `timeout_s` at most."""
        return self._shop.get("/_shop/idle", params={"timeout_s": timeout_s}).status_code == 200

    def announce(self, members: Sequence[str]) -> None:
        """The shop tells of members it has; the oracle learns their birthdays and points."""
        self.shop("POST", "/_shop/members/announce", {"members": list(members)})
        for member_id in members:
            row = self.shop("GET", f"/_shop/members/{member_id}")
            self.oracle.member(member_id, self.now(), birthday_of(row.get("birthday")))
            if row.get("lots"):
                self.oracle.points(member_id, self.now(), lots_of(row["lots"]))

    def set_birthday(self, member_id: str, on: date) -> None:
        self.shop("POST", f"/_shop/members/{member_id}/birthday", {"birthday": f"--{on:%m-%d}"})
        self.oracle.member(member_id, self.now(), (on.month, on.day))

    def set_lots(self, member_id: str, lots: Sequence[tuple[date, int]]) -> None:
        rows = [{"points": points, "expires_on": on.isoformat()} for on, points in lots]
        self.shop("POST", f"/_shop/members/{member_id}/lots", {"lots": rows})
        self.oracle.points(member_id, self.now(), lots)

    def order(self, member_id: str | None, platform: str = "shopify", **options: Any) -> str:
        """Place an order; returns the number by which the shop's control calls take it."""
        body = {"platform": platform, **({"member_id": member_id} if member_id else {}), **options}
        at = self.now()
        number = str(self.shop("POST", "/_shop/orders", body)["order"]["number"])
        self.oracle.order(printed(number), member_id, at)
        return number

    def ship(self, number: str, parcel: str, carrier: str = "yamato", platform: str = "shopify") -> None:
        body = {"carrier": carrier, "number": parcel, "platform": platform}
        at = self.now()
        self.shop("POST", f"/_shop/orders/{number}/ship", body)
        self.oracle.shipped(printed(number), parcel, at)

    def cancel(self, number: str, platform: str = "shopify") -> None:
        self.shop("POST", f"/_shop/orders/{number}/cancel", {"platform": platform})
        self.settle()
        self.oracle.cancelled(printed(number), self.now())

    # --- the end -------------------------------------------------------------------------------------------------

    def seen(self) -> Expected:
        """Ground truth, read as a friend would; undelivered ones (blocked) count too: we should not have asked."""
        counts: Expected = Counter()
        for row in self.accepted():
            if row["user_id"] in self._strangers:
                continue
            year = datetime.fromisoformat(row["business_at"]).astimezone(TOKYO).year
            kind, key = classify(row["messages"], year)
            counts[(row["user_id"], kind, key)] += 1
        return counts

    def difference(self) -> Difference:
        """What LINE accepted too little or too much of, by now."""
        return compare(self.oracle.expected(self.began, self.now()), self.seen())

    def violations(self) -> list[dict[str, Any]]:
        """What the simulator refused or flagged and the story did not order."""
        rows: list[dict[str, Any]] = self.line("GET", "/_sim/violations")["violations"]
        return rows[self._flagged_before :]

    def musubi(self, *arguments: str) -> Any:
        """The product's own command line, as support would use it."""
        found = subprocess.run(
            [sys.executable, "-m", "musubi.cli", *arguments, "--local", "--json"],
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT / "layers" / "core" / "python"),
                "MUSUBI_LOCAL_DIR": str(self.home),
            },
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if found.returncode:
            raise StoryFailed(f"musubi {' '.join(arguments)} failed: {found.stderr[-1000:]}")
        return json.loads(found.stdout)


def printed(number: str) -> str:
    """An order's number as the shop prints it for its customers."""
    return f"#{number.lstrip('#')}"


def days_after(now: datetime, days: int) -> date:
    """A Tokyo calendar day."""
    return now.astimezone(TOKYO).date() + timedelta(days=days)


def _answer(response: httpx.Response) -> Any:
    if response.is_error:
        raise StoryFailed(
            f"{response.request.method} {response.request.url}: {response.status_code} {response.text[:400]}"
        )
    return response.json()


def _query(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def birthday_of(value: Any) -> tuple[int, int] | None:
    """(month, day) of a birthday as the shop's control API shows it."""
    if isinstance(value, str) and value:
        month, day = value.rsplit("-", 2)[-2:]
        return int(month), int(day)
    if isinstance(value, dict) and value.get("day"):
        return int(value["month"]), int(value["day"])
    return None


def lots_of(rows: Sequence[dict[str, Any]]) -> list[tuple[date, int]]:
    """(last day, points) of point lots as the shop's control API shows them."""
    return [(date.fromisoformat(str(row["expires_on"])[:10]), int(row["points"])) for row in rows]
