"""Writing into WooCommerce: its core knows neither tags nor points, so what is written is metadata of the customer
(`PUT /wp-json/wc/v3/customers/{id}`), by keys that the shop's plugins and exports can read:

* `musubi_tag_<tag>`: `1`, or empty once it was taken off;
* `musubi_line_promo`: `yes` or `no`, what the friend last said on LINE.

WooCommerce finds a row by its key and makes none twice; keys that begin with an underscore it would drop without a word (since
9.6). The key needs the right to read and write, and an administrator's account: to nobody else does WooCommerce show metadata.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from musubi.adapters.shops.http import Answer
from musubi.adapters.shops.rest import Refused, Rest
from musubi.adapters.shops.source import ShopApi
from musubi.adapters.shops.woocommerce.customers import TAG_META, TAG_ON
from musubi.adapters.shops.woocommerce.source import API, basic
from musubi.contracts.text import clean
from musubi.domain.errors import Permanent
from musubi.domain.shop_writes import AddTag, GrantPoints, RemoveTag, SetConsent, ShopAction

PROMO_META = "musubi_line_promo"

_CODE = re.compile(r"[a-z0-9_]{1,60}")
_NO_CUSTOMER = "woocommerce_rest_invalid_id"
_NUMBER = re.compile(r"[1-9][0-9]{0,19}")


def open_writer(api: ShopApi) -> WooWriter:
    """The shop behind `api`."""
    return WooWriter(api)


class _WooRest(Rest):
    def headers(self, token: str) -> Mapping[str, str]:
        return basic(token)

    def is_refused(self, answer: Answer) -> bool:
        """A key that may only read is refused with 403 or 401, by version; the next line may be of one that may write."""
        return answer.status in (401, 403)

    def code(self, answer: Answer) -> str:
        """WordPress' `code`."""
        try:
            found = json.loads(answer.body)
        except (ValueError, RecursionError):
            return ""
        word = found.get("code") if isinstance(found, dict) else None
        return word if isinstance(word, str) and _CODE.fullmatch(word) else ""


class WooWriter:
    """Implements `ShopWriter`."""

    def __init__(self, api: ShopApi) -> None:
        self._rest = _WooRest("woocommerce", api)

    def write(self, member_id: str, action: ShopAction, key: str) -> None:
        """See `ShopWriter`. WooCommerce knows no such keys: what is set twice is what it is."""
        name, value = _meta_of(action)
        if not _NUMBER.fullmatch(member_id):
            raise Permanent("member id: not a customer's of WooCommerce")
        said = {"meta_data": [{"key": name, "value": value}]}
        try:
            self._rest.write("PUT", f"{API}/customers/{member_id}", said)
        except Refused as error:
            if error.code == _NO_CUSTOMER:
                raise Permanent("customer: the shop has none of this id") from None
            raise


def _meta_of(action: ShopAction) -> tuple[str, str]:
    match action:
        case AddTag(tag):
            return _tag_key(tag), TAG_ON
        case RemoveTag(tag):
            return _tag_key(tag), ""
        case SetConsent(allowed):
            return PROMO_META, "yes" if allowed else "no"
        case GrantPoints():
            raise Permanent("points: WooCommerce has none")


def _tag_key(tag: str) -> str:
    """The key whose rest is read as this very tag again; Permanent for a tag that would not be."""
    name = f"{TAG_META}{tag}"
    if clean(tag) != tag or clean(name) != name:
        raise Permanent("tag: not a plain text of up to 89 characters")
    return name
