"""A demo shop in-process, with a stand-in for the product's API that notes what it gets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from local.shop.app import build_app
from local.shop.config import ShopConfig

Answer = Callable[[httpx.Request], httpx.Response]


@dataclass
class Product:
    """The API the shop talks to: keeps requests, answers what a test tells it."""

    requests: list[httpx.Request] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.answers:
            return self.answers.pop(0)(request)
        if request.url.path == "/v1/link/nonces":
            return httpx.Response(201, json={"nonce": "ab+/cd==0123456789", "expires_at": "2026-11-24T00:00:00Z"})
        return httpx.Response(202, json={"accepted": 1})

    def then(self, *statuses: int) -> None:
        self.answers += [lambda _, status=status: httpx.Response(status) for status in statuses]  # type: ignore[misc]

    @property
    def webhooks(self) -> list[httpx.Request]:
        return [request for request in self.requests if request.url.path.startswith("/shops/")]


@dataclass
class Stage:
    """Shop and product of one test."""

    shop: TestClient
    product: Product

    def call(self, path: str, status: int = 200, **body: Any) -> dict[str, Any]:
        answer = self.shop.post(f"/_shop{path}", json=body)
        assert answer.status_code == status, answer.text
        return dict(answer.json())

    def look(self, path: str) -> dict[str, Any]:
        return dict(self.shop.get(f"/_shop{path}").json())


CONFIG = ShopConfig(
    api_url="http://product.test",
    line_access_url="https://access.line.test",
    webhook_secret="unit-secret",
    retry_base_s=0.001,
)


@pytest.fixture
def product() -> Product:
    return Product()


@pytest.fixture
def stage(product: Product) -> Iterator[Stage]:
    client = httpx.AsyncClient(transport=httpx.MockTransport(product.handle))
    with TestClient(build_app(CONFIG, client), follow_redirects=False) as shop:
        yield Stage(shop, product)
