"""The way of one call through LINE: route, fault order, token, rate, retry key, body, handler (§9.1-§9.11)."""

from __future__ import annotations

from typing import Any

from local.line import ids
from local.line.auth import authenticate
from local.line.clock import iso
from local.line.context import Ctx, Route, read_form, read_json
from local.line.faults import AFTER, Faults, Order, answer_before, spoil
from local.line.limits import check_accepted_before, note_key, read_retry_key, take_token
from local.line.routes import NOT_SIMULATED, ROUTES
from local.line.state import World
from local.line.values import Answer, Call, Refused


class Line:
    """The simulated platform: `handle` is a function from request value to answer value over the world's state."""

    def __init__(self, world: World, faults: Faults | None = None) -> None:
        self.world = world
        self.faults = faults or Faults(world.config.seed)
        self._rng = ids.dice(world.config.seed)

    def handle(self, call: Call) -> Answer:
        """Answer one call and record it. Never raises for anything a client sends."""
        with self.world.lock:
            request_id = ids.request_id()
            record: dict[str, Any] = {
                "n": self.world.number(),
                "at": iso(self.world.clock.now()),
                "host": call.host,
                "method": call.method,
                "path": call.path,
                "request_id": request_id,
                "endpoint": None,
                "retry_key": call.headers.get("x-line-retry-key"),
                "fault": None,
                "status": None,
            }
            self.world.calls.append(record)
            try:
                route, params = find_route(call)
            except Refused as refusal:
                return self._finish(record, self._refuse(refusal, record), request_id)
            record["endpoint"] = route.name
            ctx = Ctx(self.world, call, route, params, request_id)
            order = self.faults.take(route.name, involved(ctx)) if self.faults.orders else None
            if order is not None:
                ctx.fault = record["fault"] = order.mode
            return self._finish(record, self._run(ctx, order, record), request_id)

    def _run(self, ctx: Ctx, order: Order | None, record: dict[str, Any]) -> Answer:
        before = answer_before(order) if order is not None else None
        if before is not None:
            # A request that reached LINE starts the key's 24 hours even when LINE failed on it; a lost one does not.
            if order is not None and order.mode != "drop_before":
                self._remember_attempt(ctx)
            return before
        try:
            answer = self._accept(ctx)
        except Refused as refusal:
            answer = self._refuse(refusal, record)
        if order is None:
            return answer
        if order.mode in AFTER and not (answer.status < 300 or answer.status == 409):
            order.hits -= 1
            record["fault"] = None
        elif order.mode in (*AFTER, "slow"):
            mark_faulted(ctx)
        return spoil(order, answer)

    def _accept(self, ctx: Ctx) -> Answer:
        route = ctx.route
        if route.auth:
            ctx.token_kind = authenticate(ctx)
        take_token(ctx)
        ctx.retry_key = read_retry_key(ctx)
        if route.body == "json":
            ctx.body = read_json(ctx.call)
        elif route.body == "form":
            ctx.body = read_form(ctx.call)
        if ctx.retry_key:
            check_accepted_before(ctx, note_key(ctx.world, ctx.retry_key, faulted=False))
        return route.handler(ctx)

    def _remember_attempt(self, ctx: Ctx) -> None:
        try:
            key = read_retry_key(ctx)
        except Refused:
            return
        if key:
            note_key(ctx.world, key, faulted=True)

    def _refuse(self, refusal: Refused, record: dict[str, Any]) -> Answer:
        if not refusal.benign:
            self.world.violation(
                refusal.kind,
                f"{record['method']} {record['path']}: {refusal.status} {refusal.message}",
                ordered=refusal.ordered,
                status=refusal.status,
                endpoint=record["endpoint"],
                details=refusal.details,
                call=record["n"],
                user=refusal.user,
            )
        answer = refusal.answer()
        if self.world.config.fuzz_errors and isinstance(answer.body, dict):
            answer.body = self._fuzzed(answer.body)
        return answer

    def _fuzzed(self, body: dict[str, Any]) -> dict[str, Any]:
        """LINE's error texts are no contract: drop, null or reword them (§9.3)."""
        dice = self._rng.random()
        rest = {key: value for key, value in body.items() if key not in ("message", "details")}
        if dice < 0.25:
            return rest
        if dice < 0.5:
            return {**rest, "message": None}
        if dice < 0.75:
            return {**body, "message": "Something about this request was not right"}
        return body

    def _finish(self, record: dict[str, Any], answer: Answer, request_id: str) -> Answer:
        answer.headers = {"x-line-request-id": request_id, **answer.headers}
        record["status"] = "dropped" if answer.drop else answer.status
        return answer


def find_route(call: Call) -> tuple[Route, dict[str, str]]:
    """The endpoint of a call: exact path on the right host, else 404; another method is 405 (§9.1)."""
    hits = [(route, match) for route in ROUTES if (match := route.pattern.fullmatch(call.path))]
    here = [(route, match) for route, match in hits if route.host == call.host]
    for route, match in here:
        if route.method == call.method:
            return route, match.groupdict()
    if here:
        raise Refused(405, "Method Not Allowed", kind="wrong method")
    if hits:
        raise Refused(404, "Not found", kind="wrong host")
    if call.host == "api" and any(pattern.fullmatch(call.path) for pattern in NOT_SIMULATED):
        raise Refused(
            501, "LINE has this endpoint, this simulator has not (see local/line/README.md)", kind="not simulated"
        )
    raise Refused(404, "Not found", kind="unknown path")


def involved(ctx: Ctx) -> set[str]:
    """User ids a call is about, for matching fault orders."""
    users = {ctx.params["userId"]} if "userId" in ctx.params else set()
    if ctx.route.body != "json" or not ctx.call.body:
        return users
    try:
        body = read_json(ctx.call)
    except Refused:
        return users
    to = body.get("to", body.get("chatId"))
    users |= {to} if isinstance(to, str) else {item for item in to or [] if isinstance(item, str)}
    token = ctx.world.reply_tokens.get(str(body.get("replyToken")))
    return users | {token.chat} if token else users


def mark_faulted(ctx: Ctx) -> None:
    """Remember that the client could not know of this acceptance: what it asks next is the story's doing."""
    token = ctx.world.reply_tokens.get(str(ctx.body.get("replyToken")))
    if token:
        token.faulted = True
    for row in reversed(ctx.world.accepted):
        if row.request_id != ctx.request_id:
            break
        row.fault = ctx.fault
