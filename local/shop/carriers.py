"""Parcel carriers as a Japanese shop knows them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Carrier:
    """One carrier: our code, Shopify's spelling, the Japanese name and the public tracking page."""

    code: str
    shopify_name: str
    label: str
    tracking_page: str


CARRIERS = {
    carrier.code: carrier
    for carrier in (
        Carrier(
            "yamato",
            "Yamato (JA)",
            "ヤマト運輸",
            "https://jizen.kuronekoyamato.co.jp/jizen/servlet/crjz.b.NQ0010?id={n}",
        ),
        Carrier(
            "sagawa",
            "Sagawa (JA)",
            "佐川急便",
            "https://k2k.sagawa-exp.co.jp/p/web/okurijosearch.do?okurijoNo={n}",
        ),
        Carrier(
            "japanpost",
            "Japan Post (JA)",
            "日本郵便",
            "https://trackings.post.japanpost.jp/services/srv/search/direct?reqCodeNo1={n}&locale=ja",
        ),
    )
}


def carrier_named(name: str) -> Carrier:
    """Find a carrier by code; any other text is a carrier without a tracking page, as shops type freely."""
    return CARRIERS.get(name, Carrier("other", name, name, ""))


def tracking_url(carrier: Carrier, number: str) -> str | None:
    """Public tracking page of one parcel, or None for a carrier that has none."""
    digits = number.replace("-", "").strip()
    return carrier.tracking_page.format(n=digits) if carrier.tracking_page and digits else None


def parcel_number(serial: int) -> str:
    """A 12-digit number with the carriers' check digit (first eleven digits modulo seven), shown as 4-4-4."""
    first = 40_000_000_000 + serial
    digits = f"{first}{first % 7}"
    return f"{digits[:4]}-{digits[4:8]}-{digits[8:]}"
