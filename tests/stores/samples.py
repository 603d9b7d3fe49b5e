"""One sample of every stored thing, with every field filled in, so that a round trip that loses one is seen."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

from musubi.domain.activity import Activity, Bought, BoughtKind, Happening, Stamp, Tally
from musubi.domain.changes import ReservationState, SubscriptionState
from musubi.domain.dealings import Cart, Reservation, Subscription
from musubi.domain.history import LogMark
from musubi.domain.imports import Import, ImportState, RowCounts, RowProblem
from musubi.domain.ledger import Channel, Decided, Send, SendState
from musubi.domain.operations import (
    Circuit,
    Control,
    Due,
    DueKind,
    Fact,
    PushRef,
    Run,
    RunShard,
    RunState,
    Seen,
    ShardLease,
)
from musubi.domain.orders import Line, Milestone, Order, Shipment
from musubi.domain.people import (
    Attribute,
    Birthday,
    Consent,
    ExpiringPoints,
    Friend,
    Link,
    LinkEnded,
    Member,
    Nonce,
    PointLot,
    Promo,
    Rank,
    Reach,
    Side,
    TagMark,
)
from musubi.domain.polling import Heard, Missed, Poll, Report, Window
from musubi.domain.privacy import ConsentProof, PrivacyRequest, RequestKind, RequestState
from musubi.domain.scenario import Enrolment, EnrolmentState, SendClass
from musubi.domain.writes import Entity
from tests.stores.write_samples import OWN_WRITE, REWARD, SHOP_WRITE

USER = "U" + "0123456789abcdef" * 2
TOKYO = timezone(timedelta(hours=9))
NOW = datetime(2026, 12, 24, 1, 0, 0, 123456, UTC)
"""10:00 in Tokyo."""


def at(seconds: float) -> datetime:
    """`seconds` after NOW."""
    return NOW + timedelta(seconds=seconds)


FRIEND = Friend(
    user_id=USER,
    reach=Reach.BLOCKED,
    reach_at=NOW,
    first_seen_at=NOW.astimezone(TOKYO),
    entrance="shelf-3",
    standby=True,
    standby_at=at(1),
    promo=Promo.REFUSED,
    promo_at=at(2),
    erased=True,
)
MEMBER = Member(
    shop_id="main",
    member_id="1001",
    family_name="結城",
    given_name="はな",
    birthday=Birthday(month=12, day=24, year=1990),
    registered_at=at(-1000),
    profile_as_of=at(-10),
    points=1200,
    lots=(PointLot(date(2026, 12, 31), 300), PointLot(date(2027, 1, 31), 900)),
    points_as_of=at(-5),
    rank=Rank("gold", "ゴールド", date(2027, 3, 31), "プラチナ", 12000),
    rank_as_of=at(-9),
    tags=("ギフト", "vip"),
    tags_as_of=at(-20),
    tag_marks=(TagMark("vip", True, at(-8)), TagMark("new", False, at(-7))),
    attributes=(
        Attribute("anniversary", date(2020, 2, 29), "cart", at(-4)),
        Attribute("as text", "2020-02-29", "cart", at(-4)),
        Attribute("newsletter", True, "cart", at(-4)),
        Attribute("visits", 1, "cart", at(-3)),
    ),
    consents=(Consent("line", "marketing", False, "マイページ", at(-2)),),
    joined=True,
    merged_into="1000",
    own_writes=(OWN_WRITE,),
)
POINTS = ExpiringPoints(shop_id="main", member_id="1001", expires_on=date(2026, 12, 31), points=300)
LINK = Link(
    side=Side.FRIEND,
    user_id=USER,
    shop_id="main",
    member_id="1001",
    linked_at=NOW,
    method="account_link",
    entrance="direct",
    evidence="ab12",
)
ENDED = LinkEnded(
    user_id=USER,
    shop_id="main",
    member_id="1001",
    linked_at=NOW,
    ended_at=at(60),
    method="account_link",
    entrance="direct",
    reason="asked",
)
LINE = Line(
    title="どら焼き 6個入り",
    quantity=2,
    product_id="P#7",
    variant_id="v1",
    sku="DY-6",
    categories=("和菓子",),
    unit_yen=240,
)
ORDER = Order(
    shop_id="main",
    order_id="A#5501/1",
    number="#5501",
    member_id="1001",
    total_yen=12800,
    as_of=NOW,
    shipments=(
        Shipment(
            shipment_id="p1",
            carrier="yamato",
            carrier_name="ヤマト運輸",
            tracking_numbers=("1234-5678-9012",),
            tracking_url="https://example.jp/t?1",
        ),
    ),
    milestones=(Milestone("OrderPlaced", NOW), Milestone("ShipmentDispatched", at(9), "p1")),
    told=("OrderPlaced",),
    lines=(LINE,),
    lines_as_of=at(3),
    checkout_ids=("c/81",),
    is_test=True,
)
ACTIVITY = Activity(
    shop_id="main",
    member_id="1001",
    purchases=Tally(count=2, yen=12800, stamps=(Stamp(at(-90), "A-1"), Stamp(NOW, "A-2"))),
    cancelled=1,
    events={"OrderPlaced": Tally(count=3, stamps=(Stamp(NOW, "A-2"),))},
    recent=(Happening(at=NOW, name="OrderPlaced", ref="A-2"),),
    carts=(Stamp(at(5), "c/81"),),
)
BOUGHT = Bought(
    shop_id="main",
    member_id="1001",
    kind=BoughtKind.PRODUCT,
    ref="P#7",
    title="どら焼き 6個入り",
    tally=Tally(count=1, quantity=2, yen=480, stamps=(Stamp(NOW, "A-2"),)),
)
CATEGORY = replace(BOUGHT, kind=BoughtKind.CATEGORY, ref="和菓子", title="和菓子")
CART = Cart(
    shop_id="main",
    checkout_id="c/81",
    member_id="1001",
    lines=(LINE,),
    total_yen=480,
    recovery_url="https://shop.example.jp/cart/c81",
    started_at=at(-60),
    as_of=at(5),
    told_as_of=at(4),
    open_as_of=at(5),
    gone_as_of=at(-80),
    closed_at=at(-70),
    completed=True,
    order_id=None,
)
RESERVATION = Reservation(
    shop_id="main",
    reservation_id="b-3",
    state=ReservationState.CANCELLED,
    member_id="1001",
    start_at=at(86_400),
    end_at=at(90_000),
    service="カット",
    staff="高橋",
    location="本店",
    party_size=2,
    made_at=at(-50),
    cancelled_at=at(-40),
    as_of=at(-40),
    told_as_of=at(-45),
)
SUBSCRIPTION = Subscription(
    shop_id="main",
    subscription_id="s-9",
    state=SubscriptionState.PAUSED,
    member_id="1001",
    next_on=date(2027, 1, 10),
    cycle=3,
    amount_yen=2980,
    as_of=at(-30),
    told_as_of=at(-31),
)
NONCE = Nonce(digest="9f86d081", shop_id="main", member_id="1001", issued_at=NOW, expires_at=at(600))
ENROLMENT = Enrolment(
    enrolment_id="3f0c0000-0000-5000-8000-000000000001",
    scenario="birthday",
    scenario_version=3,
    person="m:main/1001",
    key_value="2026",
    state=EnrolmentState.WAITING,
    anchor_at=NOW,
    started_at=at(1),
    next_step="coupon",
    due_at=at(2),
    ended_reason="none yet",
    facts={"order": "5501", "空": ""},
)
SEND = Send(
    send_id="8d2b0000-0000-5000-8000-000000000001",
    person="m:main/1001",
    scenario="birthday",
    scenario_version=3,
    step="coupon",
    key_value="2026",
    enrolment_id=ENROLMENT.enrolment_id,
    send_class=SendClass.PROMO,
    template="birthday/coupon",
    channel=Channel.REPLY,
    essential=False,
    state=SendState.CLAIMED,
    reason="send",
    due_at=NOW,
    expires_at=at(3600),
    planned_at=at(3),
    look_at=at(33),
    held_until=at(4),
    facts={"reply_token": "x"},
    hint_user=USER,
    user_id=USER,
    messages='[{"type":"text","text":"お誕生日おめでとうございます🎉"}]',
    owner="o1",
    lease_until=at(33),
    claimed_at=at(3),
    attempts=2,
    first_unclear_at=at(3.5),
    line_status=500,
    line_request_id="r-1",
    line_message="oops",
    settled_at=at(5),
    decisions=(Decided("hold", "quiet_hours", NOW, at(7200)), Decided("send", "gate_passed", at(3))),
)
DUE = Due(shard=7, at=NOW, kind=DueKind.SEND, ref=SEND.send_id, failures=2)
SEEN = Seen(
    source="shopify:main",
    event_id="gid/1#2",
    kind="OrderPaid",
    content="c0ffee",
    at=NOW,
    verdict="done",
    raw='{"a":1}',
    emitted=(PushRef("s1", "m:main/1001", "e1", USER), PushRef("s2", "f:" + USER, "e2")),
)
FACT = Fact(
    fact_id="77aa0000-0000-5000-8000-000000000001",
    type="LinkMade",
    occurred_at=NOW,
    data={"member_id": "1001"},
    look_at=at(120),
)
LOG_MARK = LogMark(
    record_id="1b9d0000-0000-5000-8000-000000000001", object_key="history/send/2026/12/24/03/5c.jsonl", claimed_at=NOW
)
RUN = Run(schedule="daily", on=date(2026, 12, 24), state=RunState.DONE, started_at=NOW, done_at=at(9))
RUN_SHARD = RunShard(schedule="daily", on=date(2026, 12, 24), shard=7, enrolled=3, done_at=at(8))
LEASE = ShardLease(shard=7, owner="o1", until=at(30))
CONTROL = Control(stopped=True, reason="wrong coupon", at=NOW)
CIRCUIT = Circuit(open_until=at(60), reason="line_429")
POLL = Poll(
    shop_id="main",
    platform="woocommerce",
    what="orders",
    since=at(-9000),
    mark=at(-3600),
    window=Window(after=at(-4500), until=at(5), mark=NOW, began_at=NOW, backfill=True, cursor='{"page":2}', found=100),
    last=Report(began_at=at(-3700), ended_at=at(-3600), found=7, backfill=True),
    failed_at=at(-60),
    failure="woocommerce api: 503",
)
HEARD = Heard(shop_id="main", platform="woocommerce", at=at(-30))
MISSED = Missed(shop_id="main", platform="woocommerce", at=at(-20), type="OrderPlaced", event_id="9f86d081")

IMPORT = Import(
    import_id="5a1e0000-0000-5000-8000-000000000001",
    shop_id="main",
    kind="members",
    file_key="main/members/会員.csv",
    etag='"e1"',
    size=1_000,
    as_of=at(-60),
    started_at=NOW,
    state=ImportState.DONE,
    reason="end_of_file",
    offset=1_000,
    line=12,
    encoding="cp932",
    unknown_columns=("備考",),
    tally=RowCounts(
        rows=3,
        taken=2,
        refused=1,
        events=4,
        left_out=(("born_on", 1),),
        problems=(RowProblem(7, "points", "not a number"),),
    ),
    ended_at=at(9),
)

PRIVACY = PrivacyRequest(
    request_id="5f2e0000-0000-5000-8000-000000000001",
    kind=RequestKind.ERASURE,
    shop_id="main",
    received_at=NOW,
    deadline_at=at(2_592_000),
    look_at=at(600),
    state=RequestState.RUNNING,
    member_id="1001",
    user_id=USER,
    order_ids=("A-5501", "A-5502"),
    approved_at=at(5),
    cursor="marks {}",
    counts={"sends": 3},
    failures=1,
    export="s3://bucket/privacy-exports/x.json",
    outcome="erased",
    done_at=at(700),
)
PROOF = ConsentProof(
    shop_id="main",
    member_id="1001",
    consents=(Consent("email", "marketing", True, "main", NOW),),
    kept_until=at(94_867_200),
)

ALL: tuple[Entity, ...] = (
    PRIVACY,
    PROOF,
    ENDED.mirrored(),
    FRIEND,
    MEMBER,
    POINTS,
    LINK,
    LINK.mirrored(),
    ENDED,
    ORDER,
    ACTIVITY,
    BOUGHT,
    CATEGORY,
    CART,
    replace(CART, of_member=True),
    RESERVATION,
    replace(RESERVATION, of_member=True),
    SUBSCRIPTION,
    replace(SUBSCRIPTION, of_member=True),
    NONCE,
    ENROLMENT,
    SEND,
    DUE,
    SEEN,
    FACT,
    LOG_MARK,
    RUN,
    RUN_SHARD,
    LEASE,
    CONTROL,
    CIRCUIT,
    POLL,
    HEARD,
    MISSED,
    IMPORT,
    SHOP_WRITE,
    REWARD,
)
