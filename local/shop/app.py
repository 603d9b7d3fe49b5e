"""Puts the demo shop together: state, outbox, facts, pages and control API in one Starlette application."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
from starlette.applications import Starlette
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates

from local.shop.bus import Bus
from local.shop.clock import ShopClock
from local.shop.config import ShopConfig
from local.shop.eccube import Eccube
from local.shop.eccube_auth import Tokens
from local.shop.facts import FactBook, listen
from local.shop.outbox import Outbox
from local.shop.sessions import Sessions
from local.shop.till import Till

HERE = Path(__file__).parent


@dataclass
class Shop:
    """Everything one running demo shop holds."""

    config: ShopConfig
    clock: ShopClock
    till: Till
    outbox: Outbox
    facts: FactBook
    sessions: Sessions
    client: httpx.AsyncClient
    templates: Jinja2Templates
    eccube: Eccube
    eccube_tokens: Tokens


def open_shop(config: ShopConfig, client: httpx.AsyncClient | None = None) -> tuple[Shop, Bus | None]:
    """Wire a shop; must be called where an event loop runs or will run. Tests pass their own HTTP client."""
    clock = ShopClock()
    bus = Bus(config) if config.aws_url else None
    http = client or httpx.AsyncClient(timeout=httpx.Timeout(5.0, connect=1.0))
    till = Till(config, clock)
    shop = Shop(
        config=config,
        clock=clock,
        till=till,
        outbox=Outbox(config, client, bus.put if bus else None),
        facts=FactBook(),
        sessions=Sessions(),
        client=http,
        templates=Jinja2Templates(directory=str(HERE / "templates")),
        eccube=Eccube(till),
        eccube_tokens=Tokens(),
    )
    return shop, bus


def build_app(config: ShopConfig, client: httpx.AsyncClient | None = None) -> Starlette:
    """The ASGI application; `app.state.shop` gives tests a look inside."""
    from local.shop import control, eccube_api, pages

    shop, bus = open_shop(config, client)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        listener = asyncio.create_task(listen(bus, shop.facts)) if bus else None
        yield
        if listener:
            listener.cancel()
            await asyncio.gather(listener, return_exceptions=True)
        await shop.outbox.aclose()
        await shop.client.aclose()

    routes: list[Route | Mount] = [*pages.routes(), *control.routes(), *eccube_api.routes()]
    routes.append(Mount("/static", StaticFiles(directory=HERE / "static"), name="static"))
    app = Starlette(routes=routes, lifespan=lifespan, exception_handlers=control.EXCEPTION_HANDLERS)
    app.state.shop = shop
    return app
