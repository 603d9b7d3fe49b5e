"""The thin network edge: three ports on loopback, one event loop, rules in worker threads."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

import anyio
import anyio.to_thread
import httpx
import uvicorn
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from local.line import dialog
from local.line.config import Config
from local.line.control import Control
from local.line.core import Line
from local.line.faults import Faults
from local.line.phone.pages import Phone
from local.line.state import World
from local.line.values import Answer, Call, Host, Json
from local.line.webhooks import DEADLINE_S, Webhooks

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


class Poster:
    """Posts webhooks over HTTP; the deadline is LINE's two seconds."""

    def __init__(self, workers: int) -> None:
        limits = httpx.Limits(max_connections=workers * 2, max_keepalive_connections=workers)
        self._client = httpx.Client(timeout=DEADLINE_S, limits=limits, trust_env=False)

    def __call__(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        """Status of one post; TimeoutError or ConnectionError in place of httpx's own."""
        try:
            return self._client.post(url, content=body, headers=headers).status_code
        except httpx.TimeoutException as error:
            raise TimeoutError from error
        except httpx.TransportError as error:
            raise ConnectionError from error


class Simulator:
    """Everything that one running simulator consists of."""

    def __init__(self, config: Config) -> None:
        self.config = config.checked()
        self.world = World(config)
        self.line = Line(self.world, Faults(config.seed))
        self.webhooks = Webhooks(self.world, Poster(config.workers))
        self.control = Control(self.line, self.webhooks)
        self.phone = Phone(self.world, self.webhooks)
        self.servers: list[uvicorn.Server] = []
        self._limiter: anyio.CapacityLimiter | None = None

    def _threads(self) -> anyio.CapacityLimiter:
        # LINE's calls have threads of their own: control calls that wait for webhooks must not hold them up.
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(32)
        return self._limiter

    def shutdown(self) -> None:
        """Ask the ports to close; safe from another thread."""
        for server in self.servers:
            server.should_exit = True

    def app(self, host: Host) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
        """The ASGI application of one of LINE's hosts."""

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                return
            request = Request(scope, receive)
            path = scope["path"]
            if host == "api" and path.startswith("/_sim/"):
                await (await self._control(request))(scope, receive, send)
            elif host == "api" and (path == "/phone" or path.startswith("/phone/")):
                await (await self.phone.respond(request))(scope, receive, send)
            elif host == "access" and path == "/dialog/bot/accountLink":
                await (await self._dialog(request))(scope, receive, send)
            else:
                await self._line(host, request, scope, receive, send)

        return serve

    async def _line(self, host: Host, request: Request, scope: Scope, receive: Receive, send: Send) -> None:
        call = Call(
            host=host,
            method=scope["method"],
            path=(scope.get("raw_path") or scope["path"].encode()).decode("latin-1").split("?")[0],
            headers={key.decode("latin-1").lower(): value.decode("latin-1") for key, value in scope["headers"]},
            query=tuple(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)),
            body=await request.body(),
        )
        answer = await anyio.to_thread.run_sync(self.line.handle, call, limiter=self._threads())
        if answer.delay_s:
            await asyncio.sleep(answer.delay_s)
        if answer.drop:
            await _hang_up(send)
            return
        await _response(answer)(scope, receive, send)

    async def _control(self, request: Request) -> Response:
        raw = await request.body()
        try:
            body: Json = json.loads(raw) if raw else {}
        except ValueError:
            return JSONResponse({"error": "the body is no JSON"}, 400)
        if not isinstance(body, dict):
            return JSONResponse({"error": "the body must be an object"}, 400)
        work = partial(self.control.handle, request.method, request.url.path, dict(request.query_params), body)
        status, reply = await anyio.to_thread.run_sync(work)
        return JSONResponse(reply, status)

    async def _dialog(self, request: Request) -> Response:
        if request.method not in ("GET", "POST"):
            return Response(status_code=405)
        fields = dict(request.query_params)
        if request.method == "POST":
            fields |= dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
        who = (
            fields.get("browser_user")
            or request.headers.get("x-sim-browser-user")
            or request.cookies.get(dialog.COOKIE)
        )
        token, nonce = fields.get("linkToken", ""), fields.get("nonce", "")
        step = dialog.consent if request.method == "POST" and fields.get("agree") else dialog.open_link
        with self.world.lock:
            page = step(self.world, token, nonce, who)
        if page.events:
            await anyio.to_thread.run_sync(self.webhooks.send, list(page.events))
        facts = {**page.facts, "browser_user": who}
        return HTMLResponse(self.phone.render(f"dialog_{page.name}.html", facts), page.status)


def _response(answer: Answer) -> Response:
    response = Response(answer.payload(), answer.status, media_type=answer.content_type)
    response.headers.update(answer.headers)
    return response


async def _hang_up(send: Send) -> None:
    """Close the connection without an answer, as a broken network does."""
    cycle = getattr(send, "__self__", None)
    transport = getattr(cycle, "transport", None)
    if transport is None:
        raise RuntimeError("this server cannot drop connections: run it under uvicorn")
    transport.abort()
    # Lets uvicorn notice the loss before this call ends; else it would log an unanswered request.
    await asyncio.sleep(0.01)


async def serve(simulator: Simulator, ready: Callable[[], None] | None = None) -> None:
    """Run the three ports until one of them stops (SIGINT, SIGTERM)."""
    config = simulator.config
    simulator.webhooks.start()
    hosts: tuple[Host, ...] = ("api", "data", "access")
    servers = [
        uvicorn.Server(
            uvicorn.Config(
                simulator.app(host),
                host=config.bind,
                port=config.port_base + offset,
                log_level="warning",
                lifespan="off",
                proxy_headers=False,
                server_header=False,
                http="h11",
                ws="none",
            )
        )
        for offset, host in enumerate(hosts)
    ]
    simulator.servers = servers
    tasks = [asyncio.create_task(server.serve()) for server in servers]
    while not all(server.started for server in servers):
        await asyncio.sleep(0.02)
        if any(task.done() for task in tasks):
            break
    else:
        if ready is not None:
            ready()
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    simulator.shutdown()
    await asyncio.gather(*tasks)
    simulator.webhooks.stop()
