"""What people, LINE and the shop do in a world: webhooks, words, taps, logins, orders."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from datetime import UTC, datetime, timedelta
from typing import Any

from musubi.adapters.memory.clock import MemoryClock, MemoryTokens
from musubi.domain.errors import Retryable
from musubi.domain.people import Friend, Link, Member, Reach, Side
from musubi.domain.writes import Committed, Create, Entity
from musubi.ports import Store
from musubi.usecases import issue_nonce
from tests.support.flows_faults import Crash
from tests.support.flows_line import Accepted, StrictLine, link_token_in

USER = "U" + "a" * 32
MEMBER = "1001"


class Acts(ABC):
    """The outside of a world. What it causes waits in the queues until the world settles."""

    store: Store
    clock: MemoryClock
    line: StrictLine
    tokens: MemoryTokens
    wired_store: Store
    """The store with the world's faults in it, as the API uses it."""
    _events: int

    @abstractmethod
    def put(self, queue: str, body: str, delay_s: int = 0) -> None:
        """A message into a queue."""

    @abstractmethod
    def settle(self, hours: float = 1) -> None:
        """Until everything that is on its way has arrived."""

    @property
    def now(self) -> datetime:
        """Business time."""
        return self.clock.business()

    def pass_time(self, **span: float) -> None:
        self.clock.pass_time(timedelta(**span))

    # the state before a story

    def keep(self, *entities: Entity) -> None:
        """Store rows behind the system's back."""
        assert isinstance(self.store.commit([Create(entity) for entity in entities]), Committed)

    def given_friend(self, user: str = USER, **known: Any) -> None:
        at = self.clock.machine() - timedelta(days=9)
        fields: dict[str, Any] = {"user_id": user, "reach": Reach.REACHABLE, "reach_at": at, "first_seen_at": at}
        self.keep(Friend(**(fields | known)))

    def given_linked(
        self, user: str = USER, member: str = MEMBER, friend: dict[str, Any] | None = None, **known: Any
    ) -> None:
        """A member (with the fields `known`), a friend, and their link of last week."""
        self.given_friend(user, **(friend or {}))
        at = self.clock.machine() - timedelta(days=7)
        self.keep(Member(**({"shop_id": "main", "member_id": member, "family_name": "結城"} | known)))
        link = Link(
            side=Side.FRIEND,
            user_id=user,
            shop_id="main",
            member_id=member,
            linked_at=at,
            method="account_link",
            entrance="direct",
            evidence=f"digest-{user}",
        )
        self.keep(link, link.mirrored())

    # LINE's webhooks

    def line_event(self, kind: str, user: str | None = USER, *, token: bool = True, **more: Any) -> dict[str, Any]:
        """A raw event of now; a second passes before the next one."""
        self._events += 1
        at = self.clock.machine()
        event: dict[str, Any] = {
            "type": kind,
            "mode": "active",
            "timestamp": int(at.timestamp() * 1000),
            "webhookEventId": f"01EVENT{self._events:04d}",
            "deliveryContext": {"isRedelivery": False},
            **({"source": {"type": "user", "userId": user}} if user else {}),
            **more,
        }
        if token and user and event["mode"] == "active" and kind != "unfollow":
            event["replyToken"] = f"token-{event['webhookEventId']}"
        self.pass_time(seconds=1)
        return event

    def webhook(self, *events: dict[str, Any]) -> None:
        """LINE calls; each event becomes a message, as `line_webhook` makes it."""
        for event in events:
            if "replyToken" in event:
                at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
                user = event["source"]["userId"]
                assert self.line.reply_token(user, event["webhookEventId"], at) == event["replyToken"]
            self.put(
                "line-events",
                json.dumps(
                    {
                        "v": 1,
                        "destination": "U" + "0" * 32,
                        "received_at": self.clock.machine().isoformat(),
                        "event": event,
                    }
                ),
            )

    def redelivered(self, event: dict[str, Any]) -> None:
        self.webhook({**event, "deliveryContext": {"isRedelivery": True}})

    def follow(self, user: str = USER) -> dict[str, Any]:
        self.line.blocked.discard(user)
        self.webhook(event := self.line_event("follow", user, follow={"isUnblocked": False}))
        return event

    def unfollow(self, user: str = USER) -> dict[str, Any]:
        self.line.blocked.add(user)
        self.webhook(event := self.line_event("unfollow", user))
        return event

    def says(self, text: str, user: str = USER, **more: Any) -> dict[str, Any]:
        message = {"type": "text", "id": str(self._events), "text": text}
        self.webhook(event := self.line_event("message", user, message=message, **more))
        return event

    def taps_link(self, user: str = USER) -> dict[str, Any]:
        """Taps 「会員連携」."""
        self.webhook(event := self.line_event("postback", user, postback={"data": "v=1&do=start_link"}))
        return event

    def logs_in(self, member: str = MEMBER) -> str:
        """The shop's login page asks for a nonce, and asks again when it hears nothing."""
        for _ in range(5):
            try:
                nonce, _stored = issue_nonce.issue_nonce(
                    self.wired_store, self.tokens, shop_id="main", member_id=member, now=self.clock.machine()
                )
            except (Crash, Retryable):
                self.pass_time(seconds=2)
                continue
            return nonce
        raise AssertionError("no nonce")

    def account_linked(self, nonce: str, user: str = USER, **more: Any) -> dict[str, Any]:
        self.webhook(event := self.line_event("accountLink", user, link={"result": "ok", "nonce": nonce}, **more))
        return event

    def offer(self, user: str = USER) -> Accepted:
        """The last message to `user` that leads to the login page."""
        return next(one for one in reversed(self.line.accepted) if one.to == user and "linkToken=" in str(one.messages))

    def links(self, user: str = USER, member: str = MEMBER) -> dict[str, Any]:
        """The whole way: tap, log in, LINE's dialog."""
        self.taps_link(user)
        self.settle()
        assert self.line.owner_of(link_token_in(self.offer(user))) == user
        return self.account_linked(self.logs_in(member), user)

    # shop events

    def shop(self, kind: str, data: dict[str, Any], *, event_id: str | None = None, at: datetime | None = None) -> None:
        """One CloudEvent, as `shop_webhook` hands it on."""
        self._events += 1
        event = {
            "specversion": "1.0",
            "id": event_id or f"ce-{self._events}",
            "source": "cart",
            "type": kind,
            "time": (at or self.now).isoformat(),
            "data": data,
        }
        self.put_shop("cloudevents", {"content-type": "application/cloudevents+json"}, json.dumps(event))
        self.pass_time(seconds=1)

    def put_shop(self, platform: str, headers: dict[str, str], body: str) -> None:
        message = {
            "v": 1,
            "shop_id": "main",
            "platform": platform,
            "received_at": self.clock.machine().isoformat(),
            "headers": headers,
            "body": body,
        }
        self.put("shop-events", json.dumps(message))

    def on_bus(self, kind: str, data: dict[str, Any], event_id: str) -> None:
        """The same event put on our EventBridge bus."""
        detail = {"id": event_id, "shop_id": "main", "time": self.now.isoformat(), "data": data}
        self.put("shop-events", json.dumps({"detail-type": kind, "source": "shop.cart", "detail": detail}))

    def placed(self, order: str = "A-1", member: str | None = MEMBER, **more: Any) -> None:
        data = {"order_id": order, "order_number": f"#{order}", "placed_at": self.now.isoformat(), **more}
        self.shop("OrderPlaced", data | ({"member_id": member} if member else {}))

    def paid(self, order: str = "A-1") -> None:
        self.shop("OrderPaid", {"order_id": order, "paid_at": self.now.isoformat()})

    def shipped(self, order: str = "A-1", parcel: str = "P-1", **more: Any) -> None:
        shipment = {"shipment_id": parcel, "carrier": "ヤマト運輸", "tracking_numbers": ["1234-5678-9012"]}
        self.shop("ShipmentDispatched", {"order_id": order, "shipment": shipment, **more})

    def cancelled(self, order: str = "A-1", **more: Any) -> None:
        self.shop("OrderCancelled", {"order_id": order, "cancelled_at": self.now.isoformat()}, **more)
