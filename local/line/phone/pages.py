"""The phone pages' routes: list, chat, fragments for polling, taps, links, images."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import anyio.to_thread
from jinja2 import Environment, FileSystemLoader
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response

from local.line import acts, taps
from local.line.clock import jst
from local.line.dialog import COOKIE
from local.line.events import Impossible
from local.line.phone import view
from local.line.state import User, World
from local.line.values import Json
from local.line.webhooks import Webhooks

_HERE = Path(__file__).parent
_TYPES = {".css": "text/css", ".js": "text/javascript"}


class Phone:
    """Serves /phone on the api port and renders LINE's dialogs for the access port."""

    def __init__(self, world: World, webhooks: Webhooks) -> None:
        self.world, self.webhooks = world, webhooks
        self._jinja = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._jinja.globals.update(
            flex_style=view.flex_style,
            image_style=view.image_style,
            color_of=view.color_of,
            image_url=partial(view.image_url, world.config.image_map),
        )

    def render(self, template: str, facts: Json) -> str:
        """HTML of one template."""
        return self._jinja.get_template(template).render(**facts)

    async def respond(self, request: Request) -> Response:
        """Answer one request under /phone."""
        parts = request.url.path.removeprefix("/phone").strip("/").split("/")
        get = request.method == "GET"
        if parts == [""]:
            return self._list() if get else Response(status_code=405)
        if parts[0] == "static":
            return _file(_HERE / "static", "/".join(parts[1:]))
        if parts[0] == "image":
            return self._image(parts[1:])
        user = self.world.users.get(parts[0])
        if user is None or len(parts) > 2:
            return HTMLResponse(self.render("missing.html", {"title": "見つかりません"}), 404)
        handlers: dict[tuple[str, str], Callable[[Request, User], Any]] = {
            ("GET", ""): self._page,
            ("GET", "fragment"): self._fragment,
            ("GET", "open"): self._open,
            ("POST", "do"): self._do,
        }
        handler = handlers.get((request.method, parts[1] if len(parts) == 2 else ""))
        if handler is None:
            return Response(status_code=405)
        response: Response = await handler(request, user)
        return response

    def _list(self) -> Response:
        with self.world.lock:
            people = [
                {"user": user, "last": _preview(user), "time": _last_time(user)}
                for user in sorted(self.world.users.values(), key=_recency, reverse=True)
            ]
        return HTMLResponse(self.render("list.html", {"title": "友だち", "people": people}))

    async def _page(self, request: Request, user: User) -> Response:
        with self.world.lock:
            facts = {
                **self._chat_facts(user),
                "title": self.world.config.bot_name,
                "bot": self.world.config.bot_name,
                "version": self.world.version,
            }
            response = HTMLResponse(self.render("phone.html", facts))
        response.set_cookie(COOKIE, user.user_id, samesite="lax")
        return response

    async def _fragment(self, request: Request, user: User) -> Response:
        with self.world.lock:
            clock = jst(self.world.clock.business_now()).strftime("%H:%M")
            if request.query_params.get("v") == str(self.world.version):
                return JSONResponse({"version": self.world.version, "clock": clock})
            facts = self._chat_facts(user)
            return JSONResponse(
                {
                    "version": self.world.version,
                    "clock": clock,
                    "chat": self.render("chat.html", facts),
                    "quick": self.render("quick.html", facts),
                    "relation": user.relation,
                }
            )

    def _chat_facts(self, user: User) -> Json:
        bubble, quick = view.open_quick_replies(user)
        return {
            "user": user,
            "days": view.chat(user),
            "quick_bubble": bubble,
            "quick": quick,
            "loading": user.loading_until > self.world.clock.now(),
            "clock": jst(self.world.clock.business_now()).strftime("%H:%M"),
            "initial": self.world.config.bot_name[:1],
        }

    async def _open(self, request: Request, user: User) -> Response:
        """Follow a uri action: the opened page finds this phone's owner as the browser's LINE user."""
        try:
            with self.world.lock:
                _, action = taps.find(user, dict(request.query_params))
        except (Impossible, ValueError) as error:
            return HTMLResponse(self.render("missing.html", {"title": str(error)}), 404)
        uri = str(action.get("uri", ""))
        response: Response
        if uri.startswith(("http://", "https://")):
            response = RedirectResponse(uri, 302)
        else:
            response = HTMLResponse(self.render("scheme.html", {"title": "リンク", "uri": uri, "user": user}))
        response.set_cookie(COOKIE, user.user_id, samesite="lax")
        return response

    async def _do(self, request: Request, user: User) -> Response:
        try:
            want: Json = json.loads(await request.body())
            with self.world.lock:
                made, tapped = acts.perform(self.world, user.user_id, str(want.get("action")), want)
        except (Impossible, KeyError, ValueError, TypeError) as error:
            return JSONResponse({"error": str(error)}, 400)
        await anyio.to_thread.run_sync(self.webhooks.send, made)
        return JSONResponse({"tapped": tapped, "version": self.world.version})

    def _image(self, parts: list[str]) -> Response:
        folders = list(self.world.config.image_map.values())
        if not parts or not parts[0].isdigit() or int(parts[0]) >= len(folders):
            return Response(status_code=404)
        return _file(folders[int(parts[0])], "/".join(parts[1:]))


def _file(folder: Path, name: str) -> Response:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        return Response(status_code=404)
    return FileResponse(path, media_type=_TYPES.get(path.suffix), headers={"cache-control": "no-cache"})


def _recency(user: User) -> float:
    return user.timeline[-1].shown_at if user.timeline else 0.0


def _last_time(user: User) -> str:
    return jst(user.timeline[-1].shown_at).strftime("%m/%d %H:%M") if user.timeline else ""


def _preview(user: User) -> str:
    if not user.timeline:
        return "まだメッセージはありません"
    message = user.timeline[-1].message
    return str(message.get("altText") or message.get("text") or f"［{message.get('type')}］")[:40]
