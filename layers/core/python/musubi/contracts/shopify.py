"""Shopify's shapes, as far as we read them: REST resources and, since API 2025-01, a few GraphQL projections.

Nothing is required here: large bodies arrive as `{"id": …}` alone, and what identifies a thing is asked for by its reader. A
property of an unexpected type counts as absent; Shopify adds and changes properties with every quarterly version.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field

from musubi.contracts.text import as_id, clean

_GID = "gid://"


def _id(value: object) -> str | None:
    """An id as text. GraphQL's `gid://shopify/Customer/1001?…` names the same customer as REST's 1001."""
    text = as_id(value)
    if text is None or not text.startswith(_GID):
        return text
    return as_id(text.rpartition("/")[2].partition("?")[0])


def _token(value: object) -> str | None:
    """A cart's or checkout's token. The storefront's own may carry a `?key=…` that orders leave out."""
    text = as_id(value)
    return as_id(text.partition("?")[0]) if text else None


def _object(value: object) -> object:
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> list[Any]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _listed(value: object) -> list[Any] | None:
    return _objects(value) if isinstance(value, list) else None


def _texts(value: object) -> list[str]:
    return [text for one in value if (text := clean(one))] if isinstance(value, list) else []


def _ids(value: object) -> list[str]:
    return [found for one in value[:1000] if (found := _id(one))] if isinstance(value, list) else []


def _word(value: object) -> str | None:
    """An enum value; REST writes `paid` what GraphQL writes `PAID`."""
    text = clean(value)
    return text.lower() if text else None


def _true(value: object) -> bool:
    return value is True


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _raw_text(value: object) -> str | None:
    return value.encode("utf-8", "ignore").decode() if isinstance(value, str) and len(value) < 2000 else None


Id = Annotated[str | None, BeforeValidator(_id)]
Token = Annotated[str | None, BeforeValidator(_token)]
Text = Annotated[str | None, BeforeValidator(clean)]
Word = Annotated[str | None, BeforeValidator(_word)]
Raw = Annotated[str | None, BeforeValidator(_raw_text)]
Texts = Annotated[list[str], BeforeValidator(_texts)]
Ids = Annotated[list[str], BeforeValidator(_ids)]
Object: TypeAlias = Annotated[dict[str, Any], BeforeValidator(_object)]
Flag = Annotated[bool | None, BeforeValidator(_flag)]
Lines = Annotated[list[dict[str, Any]] | None, BeforeValidator(_listed)]
"""Line items as they are (`adapters/shops/shopify/lines.py` reads them); None when the body has no list of them."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Person(_Part):
    id: Id = None


class Named(_Part):
    """A body that names something and may say no more of it."""

    id: Id = None


class PriceSet(_Part):
    shop_money: Object = {}


Person = Annotated[_Person, BeforeValidator(_object)]
Prices = Annotated[PriceSet, BeforeValidator(_object)]


class Fulfillment(_Part):
    """One parcel; in an order's `fulfillments` or as a webhook of its own."""

    id: Id = None
    order_id: Id = None
    name: Text = None
    status: Word = None
    shipment_status: Word = None
    created_at: Any = None
    updated_at: Any = None
    tracking_company: Text = None
    tracking_number: Any = None
    tracking_numbers: Any = None
    tracking_url: Raw = None
    tracking_urls: Any = None

    @property
    def numbers(self) -> Any:
        return self.tracking_numbers if isinstance(self.tracking_numbers, list) else self.tracking_number

    @property
    def url(self) -> Any:
        first = self.tracking_urls[0] if isinstance(self.tracking_urls, list) and self.tracking_urls else None
        return self.tracking_url or first


class FulfillmentEvent(_Part):
    """What a carrier reported of one parcel."""

    order_id: Id = None
    status: Word = None
    happened_at: Any = None
    created_at: Any = None


class Transaction(_Part):
    """One movement of money; in a refund or as a webhook of its own."""

    order_id: Id = None
    kind: Word = None
    status: Word = None
    gateway: Text = None
    test: Annotated[bool, BeforeValidator(_true)] = False
    processed_at: Any = None
    created_at: Any = None


class Refund(_Part):
    """`transactions` None = the body does not say whether money moved."""

    id: Id = None
    order_id: Id = None
    processed_at: Any = None
    created_at: Any = None
    transactions: Annotated[list[Transaction] | None, BeforeValidator(_listed)] = None


class Order(_Part):
    """An order as Shopify's Admin REST API shows it."""

    id: Id = None
    name: Text = None
    created_at: Any = None
    updated_at: Any = None
    processed_at: Any = None
    cancelled_at: Any = None
    currency: Text = None
    financial_status: Word = None
    fulfillment_status: Word = None
    total_price: Any = None
    total_price_set: Prices = PriceSet()
    current_total_price: Any = None
    current_total_price_set: Prices = PriceSet()
    customer: Person = _Person()
    checkout_token: Token = None
    cart_token: Token = None
    test: Annotated[bool, BeforeValidator(_true)] = False
    gateway: Text = None
    payment_gateway_names: Texts = []
    fulfillments: Annotated[list[Fulfillment], BeforeValidator(_objects)] = []
    refunds: Annotated[list[Refund], BeforeValidator(_objects)] = []
    line_items: Lines = None


class OrderEdit(_Part):
    """The inside of `orders/edited`: what was changed, not what the order became."""

    order_id: Id = None
    created_at: Any = None


class Checkout(_Part):
    """`checkouts/*` and `carts/*`. A cart has no customer and no totals."""

    token: Token = None
    created_at: Any = None
    updated_at: Any = None
    completed_at: Any = None
    closed_at: Any = None
    currency: Text = None
    total_price: Any = None
    customer: Person = _Person()
    abandoned_checkout_url: Any = None
    line_items: Lines = None


class ConsentState(_Part):
    state: Word = None
    consent_updated_at: Any = None


Consented = Annotated[ConsentState, BeforeValidator(_object)]


class Metafield(_Part):
    namespace: Text = None
    key: Text = None
    value: Any = None
    type: Word = Field(None, validation_alias=AliasChoices("type", "value_type"))
    updated_at: Any = None


class Customer(_Part):
    """`customers/*`, of both ages: API 2025-01 took tags, consents and sums out of it."""

    id: Id = None
    created_at: Any = None
    updated_at: Any = None
    first_name: Text = None
    last_name: Text = None
    state: Word = None
    tags: Any = None
    currency: Text = None
    orders_count: Any = None
    total_spent: Any = None
    accepts_marketing: Flag = None
    accepts_marketing_updated_at: Any = None
    email_marketing_consent: Consented = ConsentState()
    sms_marketing_consent: Consented = ConsentState()
    metafields: Annotated[list[Metafield], BeforeValidator(_objects)] = []


class CustomerNews(_Part):
    """What API 2025-01 moved out of the customer: tags, consents and sums in webhooks of their own.

    The e-mail consent names the customer by `customer_id`, the SMS one by `id`, tags and sums by a `customerId` gid.
    """

    customer_gid: Id = Field(None, alias="customerId")
    customer_id: Id = None
    id: Id = None
    at: Any = Field(None, validation_alias=AliasChoices("occurredAt", "occurred_at"))
    tags: Texts = []
    email_marketing_consent: Consented = ConsentState()
    sms_marketing_consent: Consented = ConsentState()
    orders: Any = Field(None, validation_alias=AliasChoices("numberOfOrders", "number_of_orders"))
    spent: Object = Field({}, validation_alias=AliasChoices("amountSpent", "amount_spent"))

    @property
    def customer(self) -> str | None:
        return self.customer_gid or self.customer_id or self.id


class Merge(_Part):
    status: Word = None
    kept: Id = Field(None, validation_alias="admin_graphql_api_customer_kept_id")
    removed: Id = Field(None, validation_alias="admin_graphql_api_customer_deleted_id")


class Contract(_Part):
    id: Id = None
    admin_graphql_api_id: Id = None
    customer_id: Id = None
    admin_graphql_api_customer_id: Id = None
    status: Word = None


class BillingAttempt(_Part):
    """Its own `id` is null in the vendor's samples."""

    subscription_contract_id: Id = None
    admin_graphql_api_subscription_contract_id: Id = None
    error_code: Text = None


class _DataRequest(_Part):
    id: Id = None


class PrivacyRequest(_Part):
    """The compliance trio, and the shop that `app/uninstalled` shows."""

    id: Id = None
    shop_id: Id = None
    shop_domain: Text = Field(None, validation_alias=AliasChoices("shop_domain", "myshopify_domain", "domain"))
    customer: Person = _Person()
    data_request: Annotated[_DataRequest, BeforeValidator(_object)] = _DataRequest()
    orders_requested: Ids = []
    orders_to_redact: Ids = []
