"""The control API under /_sim: what a story or a test does to the simulated LINE, and what it reads back.

Pure like the core: (method, path, query, body) -> (status, JSON). Paths and bodies are documented in README.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from local.line import acts, ids
from local.line.auth import issue
from local.line.clock import iso, month_of
from local.line.core import Line
from local.line.endpoints.account import duplicates
from local.line.events import Impossible
from local.line.routes import ROUTES
from local.line.values import Json
from local.line.webhooks import Options, Webhooks

Reply = tuple[int, Json]


class Control:
    """Answers control calls. Errors of the caller are 400 with `error`, unknown things 404."""

    def __init__(self, line: Line, webhooks: Webhooks) -> None:
        self.line, self.world, self.webhooks = line, line.world, webhooks
        self._table: list[tuple[str, re.Pattern[str], Callable[..., Reply]]] = [
            (method, re.compile("/_sim" + path), handler) for method, path, handler in self._routes()
        ]

    def _routes(self) -> list[tuple[str, str, Callable[..., Reply]]]:
        return [
            ("GET", "/health", self.health),
            ("GET", "/accepted", self.accepted),
            ("GET", "/calls", self.calls),
            ("GET", "/violations", self.violations),
            ("GET", "/duplicates", self.duplicates),
            ("GET", "/endpoints", self.endpoints),
            ("GET", "/webhooks", self.webhook_list),
            ("POST", "/webhooks/([0-9]+)/redeliver", self.redeliver),
            ("POST", "/webhook", self.webhook_settings),
            ("POST", "/webhook/verify", self.verify),
            ("GET", "/faults", self.faults),
            ("POST", "/faults", self.place_fault),
            ("DELETE", "/faults", self.clear_faults),
            ("POST", "/reset", self.reset),
            ("GET", "/clock", self.clock),
            ("POST", "/clock", self.set_clock),
            ("GET", "/friends", self.friends),
            ("POST", "/friends", self.add_friends),
            ("GET", "/friends/(U[0-9a-f]{32})", self.friend),
            ("POST", "/friends/(U[0-9a-f]{32})/([a-z_]+)", self.act),
            ("POST", "/events", self.many),
            ("POST", "/groups", self.add_group),
            ("POST", "/quota", self.quota),
            ("POST", "/limits", self.limits),
            ("POST", "/tokens", self.tokens),
            ("POST", "/jwks", self.jwks),
            ("GET", "/browser", self.browser),
            ("POST", "/browser", self.set_browser),
            ("POST", "/liff-tokens", self.liff_token),
            ("POST", "/service-templates", self.service_templates),
        ]

    def handle(self, method: str, path: str, query: Mapping[str, str], body: Json) -> Reply:
        """Answer one control call."""
        for wanted, pattern, handler in self._table:
            match = pattern.fullmatch(path)
            if match and wanted == method:
                try:
                    return handler(query, body, *match.groups())
                except (Impossible, ValueError, TypeError) as error:
                    return 400, {"error": str(error)}
                except KeyError as error:
                    return 404, {"error": f"not found: {error.args[0]}"}
        return 404, {"error": f"no control call {method} {path}"}

    # --- what happened -------------------------------------------------------------------------------------------

    def health(self, query: Mapping[str, str], body: Json) -> Reply:
        """Alive, and for which channel."""
        config = self.world.config
        return 200, {
            "ok": True,
            "channel_id": config.channel_id,
            "destination": config.bot_user_id,
            "webhook_url": self.world.webhook_url,
        }

    def accepted(self, query: Mapping[str, str], body: Json) -> Reply:
        """Ground truth: every accepted message, per recipient, oldest first."""
        with self.world.lock:
            rows = [
                row.public()
                for row in self.world.accepted
                if query.get("user", row.user_id) == row.user_id
                and query.get("api", row.api) == row.api
                and row.n > int(query.get("after", 0))
            ]
        return 200, {"accepted": rows, "count": len(rows)}

    def calls(self, query: Mapping[str, str], body: Json) -> Reply:
        """Every API call with status and fault, oldest first."""
        with self.world.lock:
            rows = [
                dict(row)
                for row in self.world.calls
                if query.get("endpoint", row["endpoint"]) == row["endpoint"] and row["n"] > int(query.get("after", 0))
            ]
        return 200, {"calls": rows, "count": len(rows)}

    def violations(self, query: Mapping[str, str], body: Json) -> Reply:
        """What a correct client would not do; without ?all=1 only what the story did not order."""
        with self.world.lock:
            rows = [row for row in self.world.violations if query.get("all") == "1" or not row["ordered"]]
        return 200, {"violations": rows, "count": len(rows)}

    def duplicates(self, query: Mapping[str, str], body: Json) -> Reply:
        """Same messages, same user, more than once (§9.15)."""
        with self.world.lock:
            rows = duplicates(self.world.accepted)
        return 200, {"duplicates": rows, "count": len(rows)}

    def endpoints(self, query: Mapping[str, str], body: Json) -> Reply:
        """Names that fault orders and limits use."""
        return 200, {
            "endpoints": [{"name": r.name, "host": r.host, "method": r.method, "path": r.path} for r in ROUTES]
        }

    # --- webhooks ------------------------------------------------------------------------------------------------

    def webhook_list(self, query: Mapping[str, str], body: Json) -> Reply:
        """Deliveries with all their attempts; ?pending=1: those on their way or with a redelivery planned."""
        chosen = self.webhooks.pending() if query.get("pending") == "1" else list(self.webhooks.deliveries)
        rows = [item.public() for item in chosen]
        return 200, {"webhooks": rows, "count": len(rows)}

    def redeliver(self, query: Mapping[str, str], body: Json, number: str) -> Reply:
        """Send a delivery again now, isRedelivery true."""
        return 200, self.webhooks.redeliver(int(number)).public()

    def webhook_settings(self, query: Mapping[str, str], body: Json) -> Reply:
        """Set `url`, `active`, `redelivery`."""
        world = self.world
        world.webhook_url = str(body.get("url", world.webhook_url))
        world.webhook_active = bool(body.get("active", world.webhook_active))
        world.redelivery = bool(body.get("redelivery", world.redelivery))
        return 200, {"url": world.webhook_url, "active": world.webhook_active, "redelivery": world.redelivery}

    def verify(self, query: Mapping[str, str], body: Json) -> Reply:
        """The console's Verify button: a signed empty webhook, which must get 200."""
        attempt = self.webhooks.probe(str(body.get("url", self.world.webhook_url)))
        if attempt["error"] is not None:
            self.world.violation("empty webhook refused", f"the Verify button got {attempt}")
        return 200, attempt

    # --- faults, clock, reset ------------------------------------------------------------------------------------

    def faults(self, query: Mapping[str, str], body: Json) -> Reply:
        """Orders with their counters."""
        return 200, {"orders": [order.public() for order in self.line.faults.orders]}

    def place_fault(self, query: Mapping[str, str], body: Json) -> Reply:
        """Queue one order, or several under `orders`."""
        with self.world.lock:
            placed = [self.line.faults.place(wish) for wish in body.get("orders", [body])]
        return 200, {"orders": [order.public() for order in placed]}

    def clear_faults(self, query: Mapping[str, str], body: Json) -> Reply:
        """Withdraw all orders."""
        with self.world.lock:
            self.line.faults.clear()
        return 200, {}

    def reset(self, query: Mapping[str, str], body: Json) -> Reply:
        """Forget people, messages, records, orders and offsets; with `tokens` true channel tokens too."""
        with self.world.lock:
            self.world.clear()
            if body.get("tokens"):
                self.world.kill_tokens()
            self.world.clock.offset_s = self.world.clock.business_offset_s = 0.0
            self.world.redelivery = self.world.config.redelivery
            self.line.faults.clear()
            self.webhooks.clear()
        return 200, {}

    def clock(self, query: Mapping[str, str], body: Json) -> Reply:
        """Both clocks."""
        clock = self.world.clock
        return 200, {
            "offset_s": clock.offset_s,
            "now": iso(clock.now()),
            "business_offset_s": clock.business_offset_s,
            "business_now": iso(clock.business_now()),
        }

    def set_clock(self, query: Mapping[str, str], body: Json) -> Reply:
        """Set `offset_s` or `at` (LINE's clock), `business_offset_s` or `business_at` (what phones show)."""
        clock = self.world.clock
        with self.world.lock:
            if "offset_s" in body:
                clock.offset_s = float(body["offset_s"])
            if "at" in body:
                clock.offset_s += _instant(body["at"]) - clock.now()
            if "business_offset_s" in body:
                clock.business_offset_s = float(body["business_offset_s"])
            if "business_at" in body:
                clock.business_offset_s += _instant(body["business_at"]) - clock.business_now()
            self.world.version += 1
        return self.clock(query, body)

    # --- people --------------------------------------------------------------------------------------------------

    def friends(self, query: Mapping[str, str], body: Json) -> Reply:
        """Everybody on LINE."""
        with self.world.lock:
            return 200, {"friends": [user.public() for user in self.world.users.values()]}

    def add_friends(self, query: Mapping[str, str], body: Json) -> Reply:
        """Create a LINE user (or several under `friends`): display_name, id?, person?, provider?, relation?."""
        with self.world.lock:
            made = [self._add(want) for want in body.get("friends", [body])]
        return 201, {"friends": made} if "friends" in body else made[0]

    def _add(self, want: Json) -> Json:
        provider, person = want.get("provider"), want.get("person")
        if provider and provider != self.world.config.provider:
            # Known to LINE, but under another provider's id: to this channel that id is nobody (§9.7, §9.20).
            who = str(person or ids.opaque("person-", 8))
            return {"user_id": ids.user_id_of(str(provider), who), "person": who, "provider": provider}
        user = self.world.add_user(str(want.get("display_name", "友だち")), person, want.get("id"))
        relation = want.get("relation", "none")
        if relation not in ("friend", "blocked", "none", "deleted"):
            raise ValueError(f"relation: {relation}")
        user.relation, user.ever_followed = relation, relation in ("friend", "blocked")
        user.picture_url, user.status_message = want.get("picture_url"), want.get("status_message")
        return {**user.public(), "person": user.person}

    def friend(self, query: Mapping[str, str], body: Json, user_id: str) -> Reply:
        """One person with her chat."""
        with self.world.lock:
            user = self.world.users[user_id]
            chat = [
                {
                    "n": item.n,
                    "sender": item.sender,
                    "message": item.message,
                    "message_id": item.message_id,
                    "api": item.api,
                    "shown_at": iso(item.shown_at),
                }
                for item in user.timeline
            ]
            return 200, {**user.public(), "chat": chat}

    def act(self, query: Mapping[str, str], body: Json, user_id: str, action: str) -> Reply:
        """Let a person do something; answers with the events, the action tapped and the webhook results."""
        options = Options.read(body)
        with self.world.lock:
            if user_id not in self.world.users:
                raise KeyError(user_id)
            events, tapped = acts.perform(self.world, user_id, action, body)
        made = self.webhooks.send(events, options)
        reply: Json = {"events": events, "webhooks": [item.public() for item in made]}
        if tapped is not None:
            reply["tapped"] = tapped
        return 200, reply

    def many(self, query: Mapping[str, str], body: Json) -> Reply:
        """Several people's acts in one webhook (`batch`, default) or shuffled apart: {"acts": [{user, action, …}]}."""
        options = Options.read(body)
        events: list[Json] = []
        with self.world.lock:
            for want in body.get("acts", []):
                events += acts.perform(self.world, want["user"], want["action"], want)[0]
        made = self.webhooks.send(events, options)
        return 200, {"events": events, "webhooks": [item.public() for item in made]}

    def add_group(self, query: Mapping[str, str], body: Json) -> Reply:
        """A group chat that the bot has joined."""
        group = body.get("id") or ids.group_id()
        with self.world.lock:
            self.world.groups[group] = [str(member) for member in body.get("members", [])]
        return 201, {"group_id": group}

    # --- limits and tokens ---------------------------------------------------------------------------------------

    def quota(self, query: Mapping[str, str], body: Json) -> Reply:
        """Set `value` (null: none), `used`, `lag_s`, `reserved` (what a running narrowcast holds)."""
        world = self.world
        with world.lock:
            world.quota = body.get("value", world.quota)
            world.quota_lag_s = float(body.get("lag_s", world.quota_lag_s))
            world.quota_reserved = int(body.get("reserved", world.quota_reserved))
            if "used" in body:
                world.usage[month_of(world.clock.now())] = int(body["used"])
        return 200, {"value": world.quota, "lag_s": world.quota_lag_s, "reserved": world.quota_reserved}

    def limits(self, query: Mapping[str, str], body: Json) -> Reply:
        """Override an endpoint's rate: {"endpoint", "calls", "seconds"}; without `calls` back to the documented."""
        name = str(body["endpoint"])
        if name not in {route.name for route in ROUTES}:
            raise KeyError(name)
        with self.world.lock:
            self.world.buckets.pop(name, None)
            if body.get("calls") is None:
                self.world.limits.pop(name, None)
            else:
                self.world.limits[name] = (float(body["calls"]), float(body.get("seconds", 1)))
        return 200, {"limits": {key: list(value) for key, value in self.world.limits.items()}}

    def tokens(self, query: Mapping[str, str], body: Json) -> Reply:
        """Issue a token by console ({"kind": "long"}), or kill all ({"revoke": "all"})."""
        with self.world.lock:
            if body.get("revoke") == "all":
                self.world.kill_tokens()
                return 200, {}
            life = body.get("expires_in_s")
            token = issue(self.world, str(body.get("kind", "long")), life, channel_id=body.get("channel_id"))
        return 201, {"access_token": token.token}

    def jwks(self, query: Mapping[str, str], body: Json) -> Reply:
        """Register the public key of JWT assertions: {"kid", "n", "e"} (base64url)."""
        self.world.jwks[str(body["kid"])] = {"n": str(body["n"]), "e": str(body["e"])}
        return 201, {}

    def liff_token(self, query: Mapping[str, str], body: Json) -> Reply:
        """A LIFF access token of a user, for service messages: {"user_id"}."""
        token = ids.opaque("l", 24)
        self.world.liff_tokens[token] = str(body["user_id"])
        return 201, {"access_token": token}

    def service_templates(self, query: Mapping[str, str], body: Json) -> Reply:
        """Reviewed service-message templates: {"names": [...]}."""
        self.world.service_templates = {str(name) for name in body["names"]}
        return 200, {"names": sorted(self.world.service_templates)}

    # --- the browser ---------------------------------------------------------------------------------------------

    def browser(self, query: Mapping[str, str], body: Json) -> Reply:
        """Who holds the phone in front of LINE's dialogs by default."""
        return 200, {"user_id": self.world.browser.user_id, "auto_consent": self.world.browser.auto_consent}

    def set_browser(self, query: Mapping[str, str], body: Json) -> Reply:
        """Set `user_id` (null: nobody) and `auto_consent` (the dialog answers itself)."""
        browser = self.world.browser
        browser.user_id = body.get("user_id", browser.user_id)
        browser.auto_consent = bool(body.get("auto_consent", browser.auto_consent))
        return self.browser(query, body)


def _instant(text: Any) -> float:
    moment = datetime.fromisoformat(str(text))
    if moment.tzinfo is None:
        raise ValueError(f"needs a time zone: {text}")
    return moment.timestamp()
