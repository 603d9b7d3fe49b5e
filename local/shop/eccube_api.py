"""The HTTP side of the shop's EC-CUBE: `/eccube/api` (GraphQL) and `/eccube/token`."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.shop.eccube import SCHEMA
from local.shop.graphql import QueryError, execute


async def api(request: Request) -> Response:
    """POST /eccube/api {query, variables}: 401 without a running token, else 200, errors inside."""
    shop = request.app.state.shop
    if not shop.eccube_tokens.good(request.headers.get("authorization")):
        return JSONResponse({"title": "Unauthorized"}, status_code=401)
    try:
        body = json.loads(await request.body())
        data = execute(body["query"], body.get("variables") or {}, SCHEMA, shop.eccube.resolve)
    except QueryError as error:
        return JSONResponse({"errors": [{"message": str(error), "extensions": {"category": "graphql"}}]})
    return JSONResponse({"data": data})


async def token(request: Request) -> Response:
    """POST /eccube/token: the grant `refresh_token`; 400 for any other request."""
    form = await request.form()
    given: dict[str, Any] = {name: value for name, value in form.items() if isinstance(value, str)}
    answer = request.app.state.shop.eccube_tokens.renew(given)
    if answer is None:
        return JSONResponse({"error": "invalid_grant"}, status_code=400)
    return JSONResponse(answer)


def routes() -> list[Route]:
    """Both addresses; a stage names what is before them as the shop's API."""
    return [
        Route("/eccube/api", api, methods=["POST"]),
        Route("/eccube/token", token, methods=["POST"]),
    ]
