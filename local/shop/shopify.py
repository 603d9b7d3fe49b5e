"""Shopify's REST webhook bodies and headers, in the shape of API version 2026-10 for a store in yen."""

from __future__ import annotations

import hashlib
from typing import Any

from local.shop.carriers import tracking_url
from local.shop.clock import JST, rfc3339
from local.shop.model import Address, Line, Member, Order, Parcel
from local.shop.till import ShopError, Signal

API_VERSION = "2026-10"
SHOP_DOMAIN = "musubi-shoten.myshopify.com"
TOPICS = {
    "OrderPlaced": "orders/create",
    "OrderPaid": "orders/paid",
    "OrderCancelled": "orders/cancelled",
    "ShipmentDispatched": "fulfillments/create",
}
GATEWAYS = {
    "card": "shopify_payments",
    "konbini": "KOMOJU - コンビニ (Konbini)",
    "cod": "Cash on Delivery (COD)",
    "bank": "Bank Deposit",
    "bogus": "bogus",
}


def topic_of(signal: Signal) -> str:
    """Shopify's topic of this event; Shopify knows no points or birthdays, which is a ShopError here."""
    if signal.type not in TOPICS:
        raise ShopError(f"Shopify has no webhook for {signal.type}: use platform cloudevents or bus")
    return TOPICS[signal.type]


def body_of(signal: Signal) -> dict[str, Any]:
    """The REST resource as it is now; it is rendered once and every retry repeats these bytes."""
    if signal.order is None:
        raise ShopError(f"{signal.type} is no order event")
    if signal.parcel:
        return fulfillment(signal.order, signal.parcel)
    return order_resource(signal.order)


def headers_of(signal: Signal, webhook_id: str, event_id: str, domain: str = SHOP_DOMAIN) -> dict[str, str]:
    """All headers but the signature. Event-Id names the merchant's action, Webhook-Id this message."""
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Shopify-Captain-Hook",
        "X-Shopify-Topic": topic_of(signal),
        "X-Shopify-Shop-Domain": domain,
        "X-Shopify-API-Version": API_VERSION,
        "X-Shopify-Webhook-Id": webhook_id,
        "X-Shopify-Event-Id": event_id,
        # Nine fractional digits, as Shopify sends them: a reader that expects six must cut, not fail.
        "X-Shopify-Triggered-At": signal.at.astimezone(JST).strftime("%Y-%m-%dT%H:%M:%S.%f") + "000+09:00",
    }
    if signal.order:
        headers["X-Shopify-Order-Id"] = str(signal.order.order_id)
        headers["X-Shopify-Test"] = "true" if signal.order.is_test else "false"
    return headers


def order_resource(order: Order) -> dict[str, Any]:
    """`orders/*`: the order with its customer, lines, fulfilments and the many fields nobody reads."""
    return (
        _identity(order)
        | _amounts(order)
        | _states(order)
        | _who(order)
        | {
            "discount_applications": _discounts(order),
            "fulfillments": [fulfillment(order, parcel) for parcel in order.parcels],
            "line_items": [_line_item(order, line) for line in order.lines],
            "payment_terms": None,
            "refunds": [],
            "shipping_lines": _shipping_lines(order),
        }
    )


def fulfillment(order: Order, parcel: Parcel) -> dict[str, Any]:
    """`fulfillments/create`: one parcel. It names the order only by id, never by number or customer."""
    links = [link for link in (tracking_url(parcel.carrier, number) for number in parcel.numbers) if link]
    return {
        "id": parcel.shipment_id,
        "order_id": order.order_id,
        "status": "success",
        "created_at": rfc3339(parcel.at),
        "service": "manual",
        "updated_at": rfc3339(parcel.at),
        "tracking_company": parcel.carrier.shopify_name,
        "shipment_status": None,
        "location_id": 70_123_400_001,
        "origin_address": None,
        "email": order.email,
        "destination": _address(order.recipient) if order.recipient else None,
        "line_items": [_line_item(order, line) for line in parcel.lines],
        "tracking_number": parcel.numbers[0] if parcel.numbers else None,
        "tracking_numbers": list(parcel.numbers),
        "tracking_url": links[0] if links else None,
        "tracking_urls": links,
        "receipt": {},
        "name": f"#{order.number}.{parcel.serial}",
        "admin_graphql_api_id": f"gid://shopify/Fulfillment/{parcel.shipment_id}",
    }


def _identity(order: Order) -> dict[str, Any]:
    token = hashlib.sha256(f"order-{order.order_id}".encode()).hexdigest()[:32]
    at_counter = order.source == "pos"
    return {
        "id": order.order_id,
        "admin_graphql_api_id": f"gid://shopify/Order/{order.order_id}",
        "app_id": 129_785 if at_counter else 580_111,
        "browser_ip": None if at_counter else "192.0.2.10",
        "buyer_accepts_marketing": False,
        "cart_token": None if at_counter else f"hWN{token[:24]}",
        "checkout_id": None if at_counter else order.order_id + 31_000_000_000_000,
        "checkout_token": None if at_counter else token[::-1],
        "client_details": None
        if at_counter
        else {
            "accept_language": "ja-JP",
            "browser_height": None,
            "browser_ip": "192.0.2.10",
            "browser_width": None,
            "session_hash": None,
            "user_agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X)",
        },
        "confirmation_number": token[:9].upper(),
        "confirmed": True,
        "currency": "JPY",
        "customer_locale": "ja-JP",
        "device_id": None,
        "duties_included": False,
        "estimated_taxes": False,
        "landing_site": None if at_counter else "/products",
        "landing_site_ref": None,
        "location_id": 70_123_400_001 if at_counter else None,
        "merchant_of_record_app_id": None,
        "name": f"#{order.number}",
        "note": None,
        "note_attributes": [],
        "number": order.number - 1_000,
        "order_number": order.number,
        "order_status_url": f"https://{SHOP_DOMAIN}/{70_123_400}/orders/{token}/authenticate?key={token[:16]}",
        "po_number": None,
        "presentment_currency": "JPY",
        "reference": None,
        "referring_site": None,
        "source_identifier": None,
        "source_name": order.source,
        "source_url": None,
        "tags": "",
        "test": order.is_test,
        "token": token,
        "user_id": 90_123_400_002 if at_counter else None,
    }


def _amounts(order: Order) -> dict[str, Any]:
    tax = _tax_in(order.total)
    named = {
        "subtotal_price": order.subtotal - order.points_used,
        "current_subtotal_price": order.subtotal - order.points_used,
        "total_price": order.total,
        "current_total_price": 0 if order.cancelled_at else order.total,
        "total_discounts": order.points_used,
        "current_total_discounts": order.points_used,
        "total_tax": tax,
        "current_total_tax": 0 if order.cancelled_at else tax,
        "total_line_items_price": order.subtotal,
    }
    amounts: dict[str, Any] = {}
    for name, yen in named.items():
        amounts[name] = str(yen)
        amounts[f"{name}_set"] = _money_set(yen)
    return amounts | {
        "current_shipping_price_set": _money_set(order.shipping_fee),
        "current_total_additional_fees_set": None,
        "current_total_duties_set": None,
        "discount_codes": _discount_codes(order),
        "original_total_additional_fees_set": None,
        "original_total_duties_set": None,
        "tax_exempt": False,
        "tax_lines": [_tax_line(tax)],
        "taxes_included": True,
        "total_outstanding": "0" if order.paid_at or order.cancelled_at else str(order.total),
        "total_shipping_price_set": _money_set(order.shipping_fee),
        "total_tip_received": "0",
        "total_weight": sum(line.product.grams * line.quantity for line in order.lines),
    }


def _states(order: Order) -> dict[str, Any]:
    shipped = {line.line_id for parcel in order.parcels for line in parcel.lines}
    complete = shipped == {line.line_id for line in order.lines}
    return {
        "cancel_reason": order.cancel_reason,
        "cancelled_at": rfc3339(order.cancelled_at) if order.cancelled_at else None,
        "closed_at": rfc3339(order.cancelled_at) if order.cancelled_at else None,
        "created_at": rfc3339(order.placed_at),
        "financial_status": _financial(order),
        "fulfillment_status": ("fulfilled" if complete else "partial") if shipped else None,
        "payment_gateway_names": [GATEWAYS.get(order.payment, order.payment)],
        "processed_at": rfc3339(order.placed_at),
        "updated_at": rfc3339(order.updated_at),
    }


def _financial(order: Order) -> str:
    if order.cancelled_at:
        return "refunded" if order.paid_at else "voided"
    return "paid" if order.paid_at else "pending"


def _who(order: Order) -> dict[str, Any]:
    # A counter sale without a member card has neither customer nor address: null is not "guest by e-mail".
    recipient = order.recipient
    return {
        "billing_address": _address(recipient) if recipient else None,
        "contact_email": order.email or None,
        "customer": _customer(order.member, order) if order.member else None,
        "email": order.email,
        "phone": None,
        "shipping_address": _address(recipient) if recipient and order.source != "pos" else None,
    }


def _customer(member: Member, order: Order) -> dict[str, Any]:
    number = int(member.member_id)
    return {
        "id": number,
        "created_at": rfc3339(member.registered_at),
        "updated_at": rfc3339(order.updated_at),
        "first_name": member.given,
        "last_name": member.family,
        "state": "enabled",
        "note": None,
        "verified_email": True,
        "multipass_identifier": None,
        "tax_exempt": False,
        "email": member.email,
        "phone": member.phone,
        "currency": "JPY",
        "tax_exemptions": [],
        "admin_graphql_api_id": f"gid://shopify/Customer/{number}",
        "default_address": _address(member)
        | {
            "id": number + 8_000_000_000_000,
            "customer_id": number,
            "country_name": "Japan",
            "default": True,
        },
    }


def _address(member: Member) -> dict[str, Any]:
    place: Address = member.address
    return {
        "first_name": member.given,
        "address1": place.street,
        "phone": member.phone,
        "city": place.city,
        "zip": f"{place.zip_code[:3]}-{place.zip_code[3:]}",
        "province": place.prefecture,
        "country": "Japan",
        "last_name": member.family,
        "address2": None,
        "company": None,
        "latitude": None,
        "longitude": None,
        "name": member.name,
        "country_code": "JP",
        "province_code": f"JP-{place.province}",
    }


def _line_item(order: Order, line: Line) -> dict[str, Any]:
    product = line.product
    shipped = any(line.line_id == sent.line_id for parcel in order.parcels for sent in parcel.lines)
    return {
        "id": line.line_id,
        "admin_graphql_api_id": f"gid://shopify/LineItem/{line.line_id}",
        "attributed_staffs": [],
        "current_quantity": 0 if order.cancelled_at else line.quantity,
        "fulfillable_quantity": 0 if shipped or order.cancelled_at else line.quantity,
        "fulfillment_service": "manual",
        "fulfillment_status": "fulfilled" if shipped else None,
        "gift_card": False,
        "grams": product.grams,
        "name": f"{product.title} - {product.variant}",
        "price": str(product.price),
        "price_set": _money_set(product.price),
        "product_exists": True,
        "product_id": product.product_id,
        "properties": [],
        "quantity": line.quantity,
        "requires_shipping": True,
        "sku": product.sku,
        "taxable": True,
        "title": product.title,
        "total_discount": "0",
        "total_discount_set": _money_set(0),
        "variant_id": product.variant_id,
        "variant_inventory_management": "shopify",
        "variant_title": product.variant,
        "vendor": "結び商店",
        "tax_lines": [_tax_line(_tax_in(line.total))],
        "duties": [],
        "discount_allocations": [],
    }


def _shipping_lines(order: Order) -> list[dict[str, Any]]:
    if order.source == "pos":
        return []
    return [
        {
            "id": order.order_id + 4,
            "carrier_identifier": None,
            "code": "宅配便",
            "discounted_price": str(order.shipping_fee),
            "discounted_price_set": _money_set(order.shipping_fee),
            "is_removed": False,
            "phone": None,
            "price": str(order.shipping_fee),
            "price_set": _money_set(order.shipping_fee),
            "requested_fulfillment_service_id": None,
            "source": "shopify",
            "title": "宅配便",
            "tax_lines": [],
            "discount_allocations": [],
        }
    ]


def _discounts(order: Order) -> list[dict[str, Any]]:
    if not order.points_used:
        return []
    return [
        {
            "target_type": "line_item",
            "type": "manual",
            "value": str(order.points_used),
            "value_type": "fixed_amount",
            "allocation_method": "across",
            "target_selection": "all",
            "title": "ポイント利用",
            "description": "ポイント利用",
        }
    ]


def _discount_codes(order: Order) -> list[dict[str, Any]]:
    if not order.points_used:
        return []
    return [{"code": "ポイント利用", "amount": str(order.points_used), "type": "fixed_amount"}]


def _money_set(yen: int) -> dict[str, Any]:
    money = {"amount": str(yen), "currency_code": "JPY"}
    return {"shop_money": dict(money), "presentment_money": dict(money)}


def _tax_line(yen: int) -> dict[str, Any]:
    return {
        "channel_liable": False,
        "price": str(yen),
        "price_set": _money_set(yen),
        "rate": 0.1,
        "title": "CT",
    }


def _tax_in(yen: int) -> int:
    """Consumption tax contained in a price at 10 %, rounded down."""
    return yen * 10 // 110
