"""Square's webhook shapes (connect-api-specification, `*Event` schemas), as far as we read them.

Nothing is required: Square marks every field of them nullable. A property of an unexpected type counts as absent.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict

from musubi.contracts.text import as_id, clean


def _object(value: object) -> object:
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> list[Any]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _ids(value: object) -> list[str] | None:
    return [one for one in map(as_id, value) if one] if isinstance(value, list) else None


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _whole(value: object) -> int | None:
    return value if type(value) is int and 0 <= value < 10**6 else None


Id = Annotated[str | None, BeforeValidator(as_id)]
Text = Annotated[str | None, BeforeValidator(clean)]
Ids = Annotated[list[str] | None, BeforeValidator(_ids)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Segment(_Part):
    duration_minutes: Annotated[int | None, BeforeValidator(_whole)] = None


class Booking(_Part):
    id: Id = None
    customer_id: Id = None
    status: Text = None
    start_at: Any = None
    created_at: Any = None
    updated_at: Any = None
    appointment_segments: Annotated[list[_Segment], BeforeValidator(_objects)] = []


class LoyaltyAccount(_Part):
    """`expiring_point_deadlines` lists the points that are scheduled to expire; absent, none are."""

    customer_id: Id = None
    balance: Any = None
    updated_at: Any = None
    expiring_point_deadlines: Any = None


class _Preferences(_Part):
    email_unsubscribed: Annotated[bool | None, BeforeValidator(_flag)] = None


class Customer(_Part):
    """`birthday` is `YYYY-MM-DD`; the year 0000 says that only month and day are known."""

    id: Id = None
    given_name: Text = None
    family_name: Text = None
    birthday: Any = None
    created_at: Any = None
    updated_at: Any = None
    group_ids: Ids = None
    preferences: Annotated[_Preferences, BeforeValidator(_object)] = _Preferences()


class _Merge(_Part):
    from_customer_ids: Ids = None
    to_customer_id: Id = None


class _EventContext(_Part):
    merge: Annotated[_Merge, BeforeValidator(_object)] = _Merge()


class Payment(_Part):
    id: Id = None
    order_id: Id = None
    customer_id: Id = None
    status: Text = None
    created_at: Any = None
    updated_at: Any = None
    amount_money: Any = None


class ThinOrder(_Part):
    """What `order.created` and `order.updated` carry: no lines, no total, no customer."""

    order_id: Id = None
    state: Text = None
    created_at: Any = None
    updated_at: Any = None


class _Object(_Part):
    booking: Annotated[Booking, BeforeValidator(_object)] = Booking()
    loyalty_account: Annotated[LoyaltyAccount, BeforeValidator(_object)] = LoyaltyAccount()
    customer: Annotated[Customer, BeforeValidator(_object)] = Customer()
    event_context: Annotated[_EventContext, BeforeValidator(_object)] = _EventContext()
    payment: Annotated[Payment, BeforeValidator(_object)] = Payment()
    refund: Annotated[Payment, BeforeValidator(_object)] = Payment()
    order_created: Annotated[ThinOrder, BeforeValidator(_object)] = ThinOrder()
    order_updated: Annotated[ThinOrder, BeforeValidator(_object)] = ThinOrder()


class _Data(_Part):
    id: Id = None
    object: Annotated[_Object, BeforeValidator(_object)] = _Object()


class Event(_Part):
    """The envelope of every Square event."""

    type: Text = None
    event_id: Id = None
    created_at: Any = None
    data: Annotated[_Data, BeforeValidator(_object)] = _Data()
