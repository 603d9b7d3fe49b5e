"""§9.10: orders that make single calls fail, and what counts as the story's doing."""

from __future__ import annotations

import json

import pytest

from local.line.faults import MODES
from tests.unit.line_sim.rig import KEY, Rig, body_of, said

# (mode, whether LINE accepts the message, status that the client sees; None: no answer)
TABLE: list[tuple[str, bool, int | None]] = [
    ("error_500_before", False, 500),
    ("drop_before", False, None),
    ("rate_429", False, 429),
    ("monthly_429", False, 429),
    ("unauthorized_401", False, 401),
    ("forbidden_403", False, 403),
    ("error_500_after", True, 500),
    ("drop_after", True, None),
    ("unreadable_200", True, 200),
    ("malformed_json", True, 200),
    ("slow", True, 200),
]


def test_every_mode_has_a_row() -> None:
    assert {mode for mode, _, _ in TABLE} == set(MODES)


@pytest.mark.parametrize(("mode", "accepted", "status"), TABLE)
def test_mode(rig: Rig, mode: str, accepted: bool, status: int | None) -> None:
    friend = rig.friend()
    rig.fault(mode, match={"endpoint": "push"})
    answer = rig.push(friend, key=KEY)
    assert (None if answer.drop else answer.status) == status
    assert len(rig.world.accepted) == int(accepted)
    # The same request again tells the truth: a new acceptance, or 409 for the one that the client did not see.
    again = rig.push(friend, key=KEY)
    assert again.status == (409 if accepted else 200)
    assert len(rig.world.accepted) == 1
    assert rig.unordered() == []


def test_texts_tell_the_two_429_apart(rig: Rig) -> None:
    friend = rig.friend()
    rig.fault("rate_429")
    rig.fault("monthly_429")
    assert [said(rig.push(friend)) for _ in range(2)] == [
        "The API rate limit has been exceeded. Try again later.",
        "You have reached your monthly limit.",
    ]


def test_broken_bodies_cannot_be_read(rig: Rig) -> None:
    friend = rig.friend()
    for mode in ("unreadable_200", "malformed_json"):
        rig.fault(mode, match={"endpoint": "push"})
        with pytest.raises(ValueError, match=r"."):
            json.loads(rig.push(friend).payload())


def test_slow_waits_the_ordered_seconds(rig: Rig) -> None:
    rig.fault("slow", seconds=7)
    assert rig.push(rig.friend()).delay_s == 7


def test_nth_and_times(rig: Rig) -> None:
    friend = rig.friend()
    rig.fault("error_500_before", match={"endpoint": "push", "nth": 3})
    assert [rig.push(friend).status for _ in range(5)] == [200, 200, 500, 200, 200]
    rig.fault("error_500_before", match={"endpoint": "push"}, times=2)
    assert [rig.push(friend).status for _ in range(3)] == [500, 500, 200]


def test_by_user(rig: Rig) -> None:
    one, other = rig.friend("一郎"), rig.friend("二郎")
    rig.fault("forbidden_403", match={"user": other.user_id})
    assert [rig.push(one).status, rig.push(other).status, rig.push(other).status] == [200, 403, 200]
    rig.fault("error_500_before", match={"user": one.user_id})
    assert rig.reply(rig.reply_token(one)).status == 500


def test_probability_repeats_with_its_seed() -> None:
    def play() -> list[int]:
        rig = Rig()
        friend = rig.friend()
        rig.fault("error_500_before", match={"endpoint": "push", "probability": 0.3, "seed": 7})
        return [rig.push(friend).status for _ in range(200)]

    first = play()
    assert first == play()
    assert 35 <= first.count(500) <= 85


def test_an_after_order_waits_for_an_accepted_call(rig: Rig) -> None:
    friend = rig.friend()
    rig.fault("drop_after", match={"endpoint": "push"})
    assert rig.push("U1").status == 400
    assert rig.push(friend).drop
    assert rig.world.accepted[0].fault == "drop_after"
    assert rig.unordered() == ["malformed recipient"]


def test_withdrawn_and_refused_orders(rig: Rig) -> None:
    rig.fault("forbidden_403", times=9)
    rig.sim("DELETE", "/faults")
    assert rig.push(rig.friend()).status == 200
    for wish in ({"mode": "explode"}, {"mode": "slow", "match": {"method": "GET"}}):
        assert rig.control.handle("POST", "/_sim/faults", {}, wish)[0] == 400


def test_an_unordered_refusal_is_a_violation(rig: Rig) -> None:
    rig.push("U1")
    row = rig.sim("GET", "/violations")["violations"][0]
    assert (row["kind"], row["status"], row["endpoint"]) == ("malformed recipient", 400, "push")


def test_token_endpoint_can_fail_too(rig: Rig) -> None:
    rig.fault("error_500_before", match={"endpoint": "token"})
    assert rig.form("/oauth2/v3/token").status == 500
    assert body_of(rig.call("GET", "/v2/bot/info"))["userId"]


def test_a_reply_asked_again_after_a_slow_answer_is_ordered(rig: Rig) -> None:
    token = rig.reply_token(rig.friend())
    rig.fault("slow", match={"endpoint": "reply"})
    assert rig.reply(token).status == 200
    assert rig.reply(token).status == 400
    assert rig.unordered() == []


def test_killed_tokens_are_the_storys_doing(rig: Rig) -> None:
    friend = rig.friend()
    rig.push(friend)
    rig.sim("POST", "/tokens", {"revoke": "all"})
    assert rig.push(friend).status == 401
    assert rig.unordered() == []
