"""Japanese parcel carriers: their names in the wild, their tracking pages, and which hosts may stand in a LINE button.

Carriers change these addresses without notice; a number that fits no carrier is shown without a link.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import urlsplit

_MAX_URL = 1000


@dataclass(frozen=True)
class Carrier:
    """`code` is canonical, `display` what customers know it as."""

    code: str
    display: str


_CARRIERS: tuple[tuple[Carrier, re.Pattern[str], str | None], ...] = (
    (
        Carrier("yamato", "ヤマト運輸"),
        re.compile(r"ヤマト|クロネコ|宅急便|ネコポス|yamato|kuroneko", re.I),
        "https://jizen.kuronekoyamato.co.jp/jizen/servlet/crjz.b.NQ0010?id={number}",
    ),
    (
        Carrier("sagawa", "佐川急便"),
        re.compile(r"佐川|飛脚|sagawa", re.I),
        "https://k2k.sagawa-exp.co.jp/p/web/okurijosearch.do?okurijoNo={number}",
    ),
    (
        Carrier("japanpost", "日本郵便"),
        re.compile(r"日本郵便|郵便|ゆうパック|ゆうパケット|レターパック|クリックポスト|japan\s*post|japanpost", re.I),
        "https://trackings.post.japanpost.jp/services/srv/search/direct?reqCodeNo1={number}&locale=ja",
    ),
    (
        Carrier("seino", "西濃運輸"),
        re.compile(r"西濃|カンガルー|seino", re.I),
        "https://track.seino.co.jp/cgi-bin/gnpquery.pgm?GNPNO1={number}",
    ),
    (
        Carrier("fukuyama", "福山通運"),
        re.compile(r"福山|fukuyama|fukutsu", re.I),
        "https://corp.fukutsu.co.jp/situation/tracking_no_hunt/{number}",
    ),
)

_TRACKING_DOMAINS = (
    "kuronekoyamato.co.jp",
    "sagawa-exp.co.jp",
    "japanpost.jp",
    "seino.co.jp",
    "fukutsu.co.jp",
)
_HOST = re.compile(r"[a-z0-9.-]+")
_NUMBER = re.compile(r"[0-9]{10,13}|[A-Z]{2}[0-9]{9}JP")


def carrier_of(name: str | None) -> Carrier:
    """The carrier that a shop's text names; `other` keeps the text for display, `none` when there is none.

    The canonical codes `other` and `none` are no names: nobody is to read 「配送会社：none」.
    """
    text = unicodedata.normalize("NFKC", name or "").strip()
    if text.lower() in ("", "none", "other"):
        return Carrier(text.lower() or "none", "")
    for carrier, pattern, _ in _CARRIERS:
        if pattern.search(text):
            return carrier
    return Carrier("other", text)


def tracking_number(raw: str) -> str:
    """Half-width, without blanks and hyphens, as the carriers' pages want it."""
    return re.sub(r"[\s\-‐-―ー]", "", unicodedata.normalize("NFKC", raw)).upper()


def tracking_url(code: str, number: str) -> str | None:
    """The carrier's page for `number`, or None for an unknown carrier or a number that no carrier gives."""
    if not _NUMBER.fullmatch(number):
        return None
    return next((url.format(number=number) for c, _, url in _CARRIERS if c.code == code and url), None)


def allowed_url(url: str) -> bool:
    """True for an https address on a carrier's own host: the text is the sender's and ends up under a customer's thumb."""
    if len(url) > _MAX_URL or any(ord(c) <= 0x20 or ord(c) >= 0x7F for c in url):
        return False
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    if parts.scheme != "https" or parts.username or parts.password or port not in (None, 443):
        return False
    host = (parts.hostname or "").rstrip(".")
    # Browsers end a host at a backslash, this parser does not: `evil.example\.seino.co.jp` must not pass for Seino's.
    return _HOST.fullmatch(host) is not None and any(
        host == domain or host.endswith("." + domain) for domain in _TRACKING_DOMAINS
    )
