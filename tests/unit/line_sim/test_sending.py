"""§2.2-§2.8, §9.6-§9.15: who gets what, once."""

from __future__ import annotations

import uuid

from tests.unit.line_sim.rig import KEY, TEXT, Check, Rig, Rules, body_of, said

rule = Rules()
NOBODY = "U" + "0" * 32


@rule("§2.1 sentMessages: decimal string ids in message order")
def _(rig: Rig) -> None:
    sent = body_of(rig.push(rig.friend(), TEXT * 3))["sentMessages"]
    ids = [row["id"] for row in sent]
    assert all(isinstance(item, str) and item.isdigit() for item in ids)
    assert ids == sorted(ids)


@rule("§2.2 reply token works once")
def _(rig: Rig) -> None:
    token = rig.reply_token(rig.friend())
    assert rig.reply(token).status == 200
    again = rig.reply(token)
    assert (again.status, said(again)) == (400, "Invalid reply token")
    assert rig.unordered() == ["reply token used twice"]


@rule("§2.2 reply token lasts one minute")
def _(rig: Rig) -> None:
    token = rig.reply_token(rig.friend())
    rig.time += 61
    assert said(rig.reply(token)) == "Invalid reply token"


@rule("§2.2 a redelivery gives the token another minute")
def _(rig: Rig) -> None:
    token = rig.reply_token(rig.friend())
    rig.time += 300
    rig.webhooks.redeliver(rig.webhooks.deliveries[-1].number)
    rig.time += 59
    assert rig.reply(token).status == 200


@rule("§2.2 no redelivery helps 20 minutes after the event")
def _(rig: Rig) -> None:
    token = rig.reply_token(rig.friend())
    rig.time += 20 * 60
    rig.webhooks.redeliver(rig.webhooks.deliveries[-1].number)
    rig.fresh()
    assert said(rig.reply(token)) == "Invalid reply token"


@rule("§2.2 unknown reply token")
def _(rig: Rig) -> None:
    assert said(rig.reply("nonsense")) == "Invalid reply token"


@rule("§2.2 asking again after a lost answer is the story's doing")
def _(rig: Rig) -> None:
    token = rig.reply_token(rig.friend())
    rig.fault("drop_after", match={"endpoint": "reply"})
    assert rig.reply(token).drop
    assert said(rig.reply(token)) == "Invalid reply token"
    assert rig.unordered() == []


@rule("§9.6 a reply never counts")
def _(rig: Rig) -> None:
    rig.sim("POST", "/quota", {"value": 0})
    assert rig.reply(rig.reply_token(rig.friend())).status == 200
    assert body_of(rig.call("GET", "/v2/bot/message/quota/consumption")) == {"totalUsage": 0}


@rule("§2.4 retry key on reply is 400")
def _(rig: Rig) -> None:
    token = rig.reply_token(rig.friend())
    assert rig.reply(token, x_line_retry_key=KEY).status == 400
    assert rig.reply(token).status == 200


@rule("§2.4 retry key on another API is 400")
def _(rig: Rig) -> None:
    assert rig.call("GET", "/v2/bot/info", headers={"x-line-retry-key": KEY}).status == 400


@rule("§2.3 blocked, deleted and never added: 200, not delivered, not counted")
def _(rig: Rig) -> None:
    for relation in ("blocked", "deleted", "none"):
        answer = rig.push(rig.friend(relation, relation))
        assert answer.status == 200
        assert body_of(answer)["sentMessages"]
    assert [row.delivered for row in rig.world.accepted] == [False] * 3
    assert sum(row.counted for row in rig.world.accepted) == 0
    assert rig.unordered() == []


@rule("§2.3 a non-friend who wrote within 7 days is reached")
def _(rig: Rig) -> None:
    user = rig.friend(relation="none")
    rig.act(user, "text", text="質問です")
    rig.time += 7 * 86_400 - 60
    rig.fresh()
    rig.push(user)
    rig.time += 120
    rig.push(user)
    assert [row.delivered for row in rig.world.accepted] == [True, False]


@rule("§2.3 push to an unknown well-formed id")
def _(rig: Rig) -> None:
    answer = rig.push(NOBODY)
    assert (answer.status, said(answer)) == (400, "Failed to send messages")


@rule("§9.20 another provider's id of the same person is unknown here")
def _(rig: Rig) -> None:
    here = rig.sim("POST", "/friends", {"display_name": "花子", "person": "hanako", "relation": "friend"})
    there = rig.sim("POST", "/friends", {"person": "hanako", "provider": "provider-2"})
    assert here["user_id"] != there["user_id"]
    assert said(rig.push(there["user_id"])) == "Failed to send messages"


@rule("§2.3 push to a malformed id")
def _(rig: Rig) -> None:
    answer = rig.push("U123")
    assert answer.status == 400
    assert said(answer) == "The property, 'to', in the request body is invalid (line: -, column: -)"


@rule("§2.6 a group counts its members")
def _(rig: Rig) -> None:
    members = [rig.friend(str(n)).user_id for n in range(5)]
    group = rig.sim("POST", "/groups", {"members": members})["group_id"]
    assert rig.push(group, TEXT * 5).status == 200
    assert body_of(rig.call("GET", "/v2/bot/message/quota/consumption")) == {"totalUsage": 5}


@rule("§2.3 multicast: one malformed element, nobody gets it")
def _(rig: Rig) -> None:
    to = [rig.friend().user_id, "U12"]
    answer = rig.call("POST", "/v2/bot/message/multicast", {"to": to, "messages": TEXT})
    assert answer.status == 400
    assert said(answer).startswith("The property, to[1], in the request body is invalid")
    assert rig.world.accepted == []


@rule("§2.3 multicast: unknown ids are skipped silently")
def _(rig: Rig) -> None:
    friend = rig.friend()
    body = {"to": [NOBODY, friend.user_id], "messages": TEXT}
    answer = rig.call("POST", "/v2/bot/message/multicast", body)
    assert (answer.status, answer.body) == (200, {})
    assert [row.user_id for row in rig.world.accepted] == [friend.user_id]


@rule("§2.1 multicast takes 1 to 500")
def _(rig: Rig) -> None:
    for to in ([], [NOBODY] * 501):
        assert rig.call("POST", "/v2/bot/message/multicast", {"to": to, "messages": TEXT}).status == 400


@rule("§2.3 multicast takes no groups")
def _(rig: Rig) -> None:
    group = rig.sim("POST", "/groups", {"members": []})["group_id"]
    assert rig.call("POST", "/v2/bot/message/multicast", {"to": [group], "messages": TEXT}).status == 400


@rule("§9.8 duplicate recipients are flagged")
def _(rig: Rig) -> None:
    to = [rig.friend().user_id] * 2
    assert rig.call("POST", "/v2/bot/message/multicast", {"to": to, "messages": TEXT}).status == 200
    assert rig.unordered() == ["duplicate recipients"]


@rule("§2.1 broadcast reaches friends only, 60 an hour")
def _(rig: Rig) -> None:
    friend = rig.friend()
    rig.friend("次郎", "blocked")
    for _ in range(60):
        assert rig.call("POST", "/v2/bot/message/broadcast", {"messages": TEXT}).status == 200
    assert rig.call("POST", "/v2/bot/message/broadcast", {"messages": TEXT}).status == 429
    assert {row.user_id for row in rig.world.accepted} == {friend.user_id}


@rule("§2.4 accepted before: 409 with the first request id and sentMessages")
def _(rig: Rig) -> None:
    friend = rig.friend()
    first = rig.push(friend, key=KEY)
    again = rig.push(friend, key=KEY)
    assert again.status == 409
    assert again.headers["x-line-accepted-request-id"] == first.headers["x-line-request-id"]
    assert body_of(again) == {"message": "The retry key is already accepted", **body_of(first)}
    assert len(rig.world.accepted) == 1
    assert rig.unordered() == []


@rule("§2.4 409 of a multicast carries no sentMessages")
def _(rig: Rig) -> None:
    body = {"to": [rig.friend().user_id], "messages": TEXT}
    for status in (200, 409):
        answer = rig.call("POST", "/v2/bot/message/multicast", body, headers={"x-line-retry-key": KEY})
        assert answer.status == status
    assert "sentMessages" not in body_of(answer)


@rule("§2.4 a key is forgotten 24 h after its first request, accepted or not")
def _(rig: Rig) -> None:
    friend = rig.friend()
    rig.fault("error_500_before", match={"endpoint": "push"})
    assert rig.push(friend, key=KEY).status == 500
    rig.time += 23 * 3600
    rig.fresh()
    assert rig.push(friend, key=KEY).status == 200
    rig.time += 3601
    rig.fresh()
    assert rig.push(friend, key=KEY).status == 200
    assert len(rig.world.accepted) == 2
    assert rig.unordered() == ["retry key reused after 24 h"]


@rule("§2.4 a refused request leaves its key free")
def _(rig: Rig) -> None:
    friend = rig.friend()
    rig.fault("rate_429", match={"endpoint": "push"})
    assert [rig.push(friend, key=KEY).status for _ in range(3)] == [429, 200, 409]


@rule("§9.9 another body under the same key is flagged")
def _(rig: Rig) -> None:
    friend = rig.friend()
    rig.push(friend, key=KEY)
    assert rig.push(friend, [{"type": "text", "text": "別の文"}], key=KEY).status == 409
    assert rig.unordered() == ["retry key with another body"]


@rule("§9.9 a key that is no UUID is 400")
def _(rig: Rig) -> None:
    for key in ("order-1001", KEY.replace("-", ""), f"{KEY}0"):
        assert rig.push(rig.friend(), key=key).status == 400


@rule("§2.5 token bucket: 2,000 pushes a second, then the rate text, no Retry-After")
def _(rig: Rig) -> None:
    rig.sim("POST", "/limits", {"endpoint": "push", "calls": 3, "seconds": 1})
    friend = rig.friend()
    assert [rig.push(friend).status for _ in range(4)] == [200, 200, 200, 429]
    refused = rig.push(friend)
    assert said(refused) == "The API rate limit has been exceeded. Try again later."
    assert "retry-after" not in {name.lower() for name in refused.headers}
    rig.time += 1
    assert rig.push(friend).status == 200
    assert rig.unordered() == []


@rule("§2.5 buckets are per endpoint")
def _(rig: Rig) -> None:
    rig.sim("POST", "/limits", {"endpoint": "push", "calls": 1, "seconds": 60})
    friend = rig.friend()
    rig.push(friend)
    assert rig.push(friend).status == 429
    assert rig.call("GET", f"/v2/bot/profile/{friend.user_id}").status == 200


@rule("§2.4 a retry consumes rate limit")
def _(rig: Rig) -> None:
    rig.sim("POST", "/limits", {"endpoint": "push", "calls": 2, "seconds": 60})
    friend = rig.friend()
    assert [rig.push(friend, key=KEY).status for _ in range(3)] == [200, 409, 429]


@rule("§2.6 over quota: 429 with the monthly text, nothing sent")
def _(rig: Rig) -> None:
    rig.sim("POST", "/quota", {"value": 2})
    friends = [rig.friend(str(n)) for n in range(3)]
    body = {"to": [friend.user_id for friend in friends], "messages": TEXT}
    answer = rig.call("POST", "/v2/bot/message/multicast", body)
    assert (answer.status, said(answer)) == (429, "You have reached your monthly limit.")
    assert rig.world.accepted == []
    assert [rig.push(friend).status for friend in friends] == [200, 200, 429]
    assert body_of(rig.call("GET", "/v2/bot/message/quota")) == {"type": "limited", "value": 2}


@rule("§2.6 the month turns in Tokyo")
def _(rig: Rig) -> None:
    rig.sim("POST", "/quota", {"value": 1})
    friend = rig.friend()
    rig.sim("POST", "/clock", {"at": "2026-11-30T23:59:00+09:00"})
    assert [rig.push(friend).status for _ in range(2)] == [200, 429]
    rig.sim("POST", "/clock", {"at": "2026-12-01T00:00:00+09:00"})
    assert rig.push(friend).status == 200


@rule("§9.12 consumption may lag")
def _(rig: Rig) -> None:
    rig.sim("POST", "/quota", {"lag_s": 60})
    rig.push(rig.friend())
    assert body_of(rig.call("GET", "/v2/bot/message/quota/consumption")) == {"totalUsage": 0}
    rig.time += 61
    assert body_of(rig.call("GET", "/v2/bot/message/quota/consumption")) == {"totalUsage": 1}


@rule("§9.12 a narrowcast's reservation starves other sends for a while")
def _(rig: Rig) -> None:
    rig.sim("POST", "/quota", {"value": 5, "reserved": 5})
    friend = rig.friend()
    assert rig.push(friend).status == 429
    rig.sim("POST", "/quota", {"reserved": 0})
    assert rig.push(friend).status == 200


@rule("§2.8 one aggregation unit, by pattern")
def _(rig: Rig) -> None:
    friend = rig.friend()
    assert rig.push(friend, customAggregationUnits=["birthday_2026"]).status == 200
    for units in (["a", "b"], ["with-hyphen"], ["x" * 31], "text"):
        assert rig.push(friend, customAggregationUnits=units).status == 400
    assert body_of(rig.call("GET", "/v2/bot/message/aggregation/info")) == {"numOfCustomAggregationUnits": 1}


@rule("§2.8 the 1,001st unit of a month is not assigned, the message is sent")
def _(rig: Rig) -> None:
    friend = rig.friend()
    for number in range(1001):
        assert rig.push(friend, customAggregationUnits=[f"u{number}"]).status == 200
    assert rig.world.accepted[-1].units == []
    page = body_of(rig.call("GET", "/v2/bot/message/aggregation/list"))
    assert (len(page["customAggregationUnits"]), page["next"]) == (100, "100")


@rule("§9.15 notificationDisabled is recorded")
def _(rig: Rig) -> None:
    rig.push(rig.friend(), notificationDisabled=True)
    assert rig.world.accepted[0].notification_disabled


@rule("§9.15 the duplicate detector sees the same message twice")
def _(rig: Rig) -> None:
    friend = rig.friend()
    for _ in range(2):
        rig.push(friend, key=str(uuid.uuid4()))
    assert rig.sim("GET", "/duplicates")["count"] == 1


@rule("§9.18 a send while another module holds the chat is a violation")
def _(rig: Rig) -> None:
    friend = rig.friend()
    rig.act(friend, "standby")
    assert rig.push(friend).status == 200
    assert rig.unordered() == ["sent while standby"]


@rule("§9.31 delivery counts by Tokyo day, today unready")
def _(rig: Rig) -> None:
    rig.push(rig.friend())
    path = "/v2/bot/message/delivery/push"
    assert body_of(rig.call("GET", path, query=(("date", "20261122"),))) == {"status": "unready"}
    rig.time += 86_400
    rig.fresh()
    assert body_of(rig.call("GET", path, query=(("date", "20261122"),))) == {"status": "ready", "success": 1}
    assert rig.call("GET", path, query=(("date", "2026-11-22"),)).status == 400


@rule.table
def test_rule(rig: Rig, check: Check) -> None:
    check(rig)
