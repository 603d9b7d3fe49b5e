"""Rakuten's RMS: numbers of orders by date and status, orders by number, one way in."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.support.asked_shop import AskedShop, said
from tests.support.woocommerce_shop import Said

KEY = "secret-1:license-1"
_DATES = {1: "orderDatetime", 2: "shopOrderCfmDatetime", 3: "orderFixDatetime", 5: "shippingCmplRptDatetime"}


@dataclass
class RakutenShop(AskedShop):
    """`settled` says when orders were settled, which RMS can search by and does not show."""

    tokens: set[str] = field(default_factory=lambda: {KEY})
    settled: dict[str, str] = field(default_factory=dict)

    def posted(self, path: str, body: bytes, headers: Mapping[str, str]) -> Said:
        kind, _, token = headers["authorization"].partition(" ")
        if kind != "ESA" or b64decode(token).decode() not in self.tokens:
            return Said(401)
        asked = json.loads(body)
        if path == "/es/2.0/order/searchOrder/":
            return self._search(asked)
        return self._orders(asked) if path == "/es/2.0/order/getOrder/" else Said(404)

    def _search(self, asked: Mapping[str, Any]) -> Said:
        start, end = (datetime.fromisoformat(asked[name]) for name in ("startDatetime", "endDatetime"))
        paging = asked["PaginationRequestModel"]
        assert start <= end <= start + timedelta(days=63)
        assert paging["SortModelList"] == [{"sortColumn": 1, "sortDirection": 1}]
        size, page = paging["requestRecordsAmount"], paging["requestPage"]
        assert size <= 1000
        found = [
            one["orderNumber"]
            for one in sorted(self.orders, key=lambda one: str(one["orderDatetime"]))
            if one["orderProgress"] in asked.get("orderProgressList", [one["orderProgress"]])
            and any(start <= at <= end for at in self._times(one, asked["dateType"]))
        ]
        pages = -(-len(found) // size) or None
        return said({
            "orderNumberList": found[(page - 1) * size : page * size],
            "MessageModelList": [{"messageType": "INFO", "messageCode": "X", "message": "注文検索に成功しました。"}],
            "PaginationResponseModel": {"totalRecordsAmount": len(found) or None, "totalPages": pages, "requestPage": page},
        })  # fmt: skip

    def _times(self, order: Mapping[str, Any], date_type: int) -> list[datetime]:
        parcels = [one for package in order["PackageModelList"] for one in package["ShippingModelList"]]
        dated: dict[int, list[str | None]] = {
            4: [f"{one['shippingDate']}T00:00:00+0900" for one in parcels],
            6: [self.settled.get(order["orderNumber"])],
        }
        given = dated.get(date_type) or [order.get(_DATES.get(date_type, ""))]
        return [datetime.fromisoformat(one) for one in given if one]

    def _orders(self, asked: Mapping[str, Any]) -> Said:
        numbers = asked["orderNumberList"]
        assert asked["version"] == 7
        assert 1 <= len(numbers) <= 100
        found = [one for one in self.orders if one["orderNumber"] in numbers]
        return said({"MessageModelList": [], "OrderModelList": found, "version": 7})
