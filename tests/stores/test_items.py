"""How things look in the tables: key strings, index attributes, and which items may be forgotten when."""

from __future__ import annotations

import doctest
import traceback
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from musubi.adapters.dynamo import codec, keys
from musubi.domain import store_keys as names
from musubi.domain.ledger import SendState
from musubi.domain.operations import FactState, RunState
from musubi.domain.people import Birthday, Member
from musubi.domain.privacy import RequestState
from musubi.domain.scenario import EnrolmentState
from musubi.domain.write_backs import WriteKind, WriteState
from musubi.domain.writes import Entity, Put
from tests.stores import samples
from tests.stores.conftest import dynamo_store
from tests.stores.samples import (
    CIRCUIT,
    CONTROL,
    DUE,
    ENROLMENT,
    FACT,
    FRIEND,
    LEASE,
    MEMBER,
    NONCE,
    NOW,
    POINTS,
    RUN,
    SEEN,
    SEND,
    USER,
    at,
)
from tests.stores.write_samples import REWARD, SHOP_WRITE
from tests.support import tables

DAY = 86_400


# Keys


@pytest.mark.parametrize(
    ("key", "place"),
    [
        (FRIEND.key, ("people", f"F#{USER}", "FRIEND")),
        (samples.LINK.key, ("people", f"F#{USER}", "LINK")),
        (samples.LINK.mirrored().key, ("people", "M#main/1001", "LINK")),
        (samples.ENDED.key, ("people", f"F#{USER}", "LINKED#2026-12-24T01:00:00.123456Z")),
        (
            samples.ENDED.mirrored().key,
            ("people", "M#main/1001", f"LINKED#2026-12-24T01:00:00.123456Z#{USER}"),
        ),
        (samples.PROOF.key, ("people", "M#main/1001", "PROOF")),
        (samples.PRIVACY.key, ("work", f"PRIVACY#{samples.PRIVACY.request_id}", "PRIVACY")),
        (names.PeopleRowKey("O#main/A-1", "ORDER"), ("people", "O#main/A-1", "ORDER")),
        (MEMBER.key, ("people", "M#main/1001", "MEMBER")),
        (POINTS.key, ("people", "M#main/1001", "POINTS#2026-12-31")),
        (samples.ORDER.key, ("people", "O#main/A%235501%2F1", "ORDER")),
        (NONCE.key, ("work", "N#9f86d081", "NONCE")),
        (ENROLMENT.key, ("work", f"E#{ENROLMENT.enrolment_id}", "ENROLMENT")),
        (SEND.key, ("work", f"S#{SEND.send_id}", "SEND")),
        (DUE.key, ("work", "DUE#07", f"2026-12-24T01:00:00.123456Z#{SEND.send_id}")),
        (SEEN.key, ("work", "SEEN#shopify:main#gid%2F1%232", "SEEN")),
        (FACT.key, ("work", f"FACT#{FACT.fact_id}", "FACT")),
        (samples.LOG_MARK.key, ("work", f"LOG#{samples.LOG_MARK.record_id}", "LOG")),
        (RUN.key, ("work", "RUN#daily", "2026-12-24")),
        (samples.RUN_SHARD.key, ("work", "RUN#daily#2026-12-24", "SHARD#07")),
        (LEASE.key, ("work", "LEASE#07", "LEASE")),
        (CONTROL.key, ("work", "CONTROL", "STOP")),
        (CIRCUIT.key, ("work", "CONTROL", "CIRCUIT")),
        (SHOP_WRITE.key, ("work", f"WRITE#{SHOP_WRITE.write_id}", "WRITE")),
        (REWARD.key, ("work", f"REWARD#{REWARD.reward_id}", "REWARD")),
        (samples.POLL.key, ("work", "POLL#main/woocommerce", "WHAT#orders")),
        (samples.HEARD.key, ("work", "POLL#main/woocommerce", "HEARD")),
        (samples.MISSED.key, ("work", "POLL#main/woocommerce", "MISSED#2026-12-24T00:59:40.123456Z#9f86d081")),
    ],
    ids=lambda value: value[1] if isinstance(value, tuple) else type(value).__name__,
)
def test_where_things_live(key: names.Key[Any], place: tuple[str, str, str]) -> None:
    assert keys.place(key) == keys.Place(*place)  # type: ignore[arg-type]


def test_instants_sort_as_text_and_naive_ones_are_refused() -> None:
    whole = datetime(2026, 12, 24, 1, tzinfo=UTC)
    texts = [keys.instant(whole + timedelta(microseconds=n)) for n in (0, 1, 500_000)]
    assert texts == sorted(texts)
    assert {len(text) for text in texts} == {27}
    assert keys.instant(datetime(90, 1, 1, tzinfo=UTC)) < texts[0]
    with pytest.raises(ValueError, match="naive"):
        keys.instant(datetime(2026, 12, 24))  # noqa: DTZ001


def test_no_key_grows_beyond_what_dynamodb_takes() -> None:
    long = "あ" * 2000
    place = keys.place(names.SeenKey(long, long + "b"))
    assert len(place.pk.encode()) < 2048
    assert place != keys.place(names.SeenKey(long, long + "c"))
    assert len(keys.place(names.DueKey(1, NOW, long)).sk.encode()) < 1024


def test_keys_module_says_how_every_key_looks() -> None:
    finder = doctest.DocTestFinder(exclude_empty=False)
    undocumented = [one.name for one in finder.find(keys) if not one.docstring]
    assert [name for name in undocumented if "__" not in name] == []


# Items


def attributes(entity: Entity) -> dict[str, Any]:
    return {name: next(iter(value.values())) for name, value in codec.encode(entity).items()}


def test_index_attributes() -> None:
    assert attributes(MEMBER)["dpk"].startswith("BD#12-24#")
    assert attributes(MEMBER)["dsk"] == "m:main/1001"
    assert "dpk" not in attributes(replace(MEMBER, birthday=Birthday(month=12)))
    assert attributes(POINTS)["dpk"].startswith("EXP#2026-12-31#")
    planned = replace(SEND, state=SendState.PLANNED)
    assert attributes(planned)["opk"] == f"OPEN#{SEND.shard:02d}"
    assert attributes(planned)["osk"] == "2026-12-24T01:00:33.123456Z"
    assert attributes(replace(SEND, state=SendState.PARKED))["opk"] == f"PARKED#{SEND.shard:02d}"
    assert attributes(replace(SEND, state=SendState.UNKNOWN))["opk"] == "UNKNOWN"
    for state in (SendState.HELD, SendState.ACCEPTED, SendState.REJECTED, SendState.SKIPPED):
        assert "opk" not in attributes(replace(SEND, state=state))
    assert attributes(SEND)["ppk"] == "m:main/1001"
    assert attributes(SEND)["psk"] == f"S#2026-12-24T01:00:03.123456Z#{SEND.send_id}"
    assert attributes(ENROLMENT)["psk"] == f"E#2026-12-24T01:00:01.123456Z#{ENROLMENT.enrolment_id}"
    assert "opk" not in attributes(replace(FACT, state=FactState.PUBLISHED))


def test_a_write_into_a_shop_is_filed_under_its_member_and_on_the_operators_list() -> None:
    found = attributes(SHOP_WRITE)
    assert (found["ppk"], found["psk"]) == ("m:main/1001", f"W#2026-12-24T01:00:03.123456Z#{SHOP_WRITE.write_id}")
    assert (found["opk"], found["osk"]) == ("WRITES", "2026-12-24T01:00:01.123456Z")
    assert "opk" not in attributes(replace(SHOP_WRITE, first_unclear_at=None))
    for state in (WriteState.REFUSED, WriteState.UNKNOWN):
        assert attributes(replace(SHOP_WRITE, state=state))["osk"] == "2026-12-24T01:00:05.123456Z"
        assert "opk" not in attributes(replace(SHOP_WRITE, state=state, reason="erased"))
    for state in (WriteState.DONE, WriteState.STALE):
        assert "opk" not in attributes(replace(SHOP_WRITE, state=state))
    assert "ppk" not in attributes(replace(SHOP_WRITE, member_id=""))


def test_what_is_none_takes_no_room() -> None:
    assert "first_unclear_at" not in attributes(replace(SEND, first_unclear_at=None))
    assert not any("NULL" in value for value in codec.encode(replace(MEMBER, birthday=Birthday(month=5))).values())


ENDED_AT = int(at(5).timestamp())
SETTLED = replace(SEND, settled_at=at(5))


@pytest.mark.parametrize(
    ("entity", "ttl"),
    [
        (replace(SETTLED, state=SendState.ACCEPTED), ENDED_AT + 400 * DAY),
        (samples.LOG_MARK, int(NOW.timestamp()) + 30 * DAY),
        (replace(SETTLED, state=SendState.REJECTED), ENDED_AT + 400 * DAY),
        (replace(SETTLED, state=SendState.SKIPPED), ENDED_AT + 400 * DAY),
        (replace(SETTLED, state=SendState.UNKNOWN), None),
        (replace(SETTLED, state=SendState.PLANNED), None),
        (replace(SETTLED, state=SendState.HELD), None),
        (replace(SETTLED, state=SendState.PARKED), None),
        (replace(SETTLED, state=SendState.CLAIMED), None),
        (ENROLMENT, None),
        (replace(ENROLMENT, state=EnrolmentState.DONE), int(at(1).timestamp()) + 400 * DAY),
        (replace(ENROLMENT, state=EnrolmentState.EXITED, anchor_at=at(9)), int(at(9).timestamp()) + 400 * DAY),
        (replace(ENROLMENT, state=EnrolmentState.QUARANTINED), None),
        (DUE, None),
        (SEEN, int(NOW.timestamp()) + 30 * DAY),
        (replace(SEEN, kind="PointsGranted"), int(NOW.timestamp()) + 400 * DAY),
        (NONCE, int(at(600).timestamp()) + DAY),
        (FACT, None),
        (replace(FACT, state=FactState.PUBLISHED), int(NOW.timestamp()) + 30 * DAY),
        (RUN, int(at(9).timestamp()) + 400 * DAY),
        (replace(RUN, state=RunState.STARTED, done_at=None), None),
        (samples.RUN_SHARD, int(at(8).timestamp()) + 400 * DAY),
        *((entity, None) for entity in (FRIEND, MEMBER, POINTS, samples.LINK, samples.ENDED, samples.ORDER)),
        (samples.MISSED, int(at(-20).timestamp()) + 30 * DAY),
        (replace(SHOP_WRITE, settled_at=None), None),
        (replace(SHOP_WRITE, state=WriteState.DONE), ENDED_AT + 400 * DAY),
        (replace(SHOP_WRITE, kind=WriteKind.ADD_TAG, state=WriteState.STALE), ENDED_AT + 60 * DAY),
        (replace(SHOP_WRITE, state=WriteState.REFUSED), ENDED_AT + 400 * DAY),
        (replace(SHOP_WRITE, state=WriteState.UNKNOWN), None),
        (replace(SHOP_WRITE, state=WriteState.UNKNOWN, reason="erased"), ENDED_AT + 400 * DAY),
        (REWARD, None),
        *((entity, None) for entity in (LEASE, CONTROL, CIRCUIT, samples.POLL, samples.HEARD)),
    ],
    ids=lambda value: f"{type(value).__name__}-{getattr(value, 'state', '')}",
)
def test_only_what_is_terminal_may_be_forgotten(dynamodb: Any, entity: Entity, ttl: int | None) -> None:
    dynamo_store(dynamodb).commit([Put(entity)])
    place = keys.place(entity.key)
    table = tables.PEOPLE if place.table == "people" else tables.WORK
    item = dynamodb.get_item(TableName=table, Key={"pk": {"S": place.pk}, "sk": {"S": place.sk}})["Item"]
    assert item.get("ttl") == (None if ttl is None else {"N": str(ttl)})


def test_an_item_that_can_not_be_read_is_told_without_its_values() -> None:
    """The error goes into a log, the values are people's."""
    item = codec.encode(MEMBER) | {"points_as_of": {"S": "結城さくら"}}
    with pytest.raises(ValueError, match=r"stored Member: points_as_of") as caught:
        codec.decode(Member, item)
    shown = "".join(traceback.format_exception(caught.value))
    assert "結城" not in shown


# Privacy


def test_what_a_member_owns_is_filed_under_the_member_and_what_a_guest_owns_is_not() -> None:
    order = codec.encode(samples.ORDER)
    assert (order["mpk"]["S"], order["msk"]["S"]) == ("M#main/1001", "O#main/A%235501%2F1#ORDER")
    assert "mpk" not in codec.encode(replace(samples.ORDER, member_id=None))
    assert "mpk" not in codec.encode(replace(MEMBER, merged_into=None))
    merged = codec.encode(replace(MEMBER, member_id="77", merged_into="1001"))
    assert (merged["mpk"]["S"], merged["msk"]["S"]) == ("M#main/1001", "M#main/77#MEMBER")


def test_a_request_is_kept_while_it_is_open_and_a_good_year_as_proof() -> None:
    assert codec.ttl(samples.PRIVACY) is None
    done = replace(samples.PRIVACY, state=RequestState.DONE)
    assert codec.ttl(done) == int(at(700).timestamp()) + 400 * DAY
    assert codec.ttl(samples.PROOF) == int(samples.PROOF.kept_until.timestamp())


def test_an_unknown_send_of_somebody_erased_leaves_the_operators_list_and_ends() -> None:
    unknown = replace(SEND, state=SendState.UNKNOWN, reason="retry_key_expired")
    assert codec.encode(unknown)["opk"] == {"S": "UNKNOWN"}
    assert codec.ttl(unknown) is None
    erased = replace(unknown, reason="erased")
    assert "opk" not in codec.encode(erased)
    assert codec.ttl(erased) == int(at(5).timestamp()) + 400 * DAY
