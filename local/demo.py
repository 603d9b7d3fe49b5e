"""`make demo`: the three threads as a story on the running stack, with a moved clock, and a timeline of what friends got.

Exits 1 when LINE's ground truth is not what the story's oracle expects, or when the simulator flagged anything.
"""

from __future__ import annotations

import os
import sys
import time
from datetime import datetime, timedelta
from typing import Any

from local.endpoints import home_of_stack
from local.stack.settings import from_environment
from local.stack.up import down, up
from local.story import Story, StoryFailed, days_after
from tests.support.oracle import TOKYO, tokyo

_DAY5_AT = (10, 5)
_MEMBERS = ("1001", "1002", "1003", "1004")


def main() -> int:
    """Run the demo; HOLD=1 leaves the stack up."""
    hold = os.environ.get("HOLD") == "1"
    settings = from_environment()
    began = time.monotonic()
    print("結び demo: starting the system on this machine")
    endpoints = up(settings, print)
    ok = False
    try:
        story = Story(endpoints, home_of_stack())
        try:
            play(story)
        except StoryFailed as failed:
            print(f"\nthe story failed: {failed}")
        else:
            ok = _judge(story)
        print(f"\n{'as expected' if ok else 'NOT as expected'} after {time.monotonic() - began:.0f} s")
        _urls(story)
    finally:
        if hold:
            print("\nHOLD=1: the stack stays up; `make down` stops it")
        else:
            down(settings.home)
    return 0 if ok else 1


def _say(story: Story, text: str) -> None:
    print(f"{story.now().astimezone(TOKYO):%m-%d %H:%M}  ・ {text}")


def play(story: Story) -> None:
    sakura, ren, hinata, aoi = (story.friend(name) for name in ("さくら", "蓮", "ひなた", "葵"))
    print()
    _say(story, "the shop announces its members; four people add the account, three link their membership")
    story.announce(_MEMBERS)
    for user in (sakura, ren, hinata, aoi):
        story.follow(user)
    for user, member_id in ((sakura, "1001"), (ren, "1002"), (hinata, "1003")):
        story.link(user, member_id)
    story.settle()

    _say(story, "さくら orders and gets her parcel; 蓮 orders and will cancel; 葵 never linked; ひなた blocks")
    first = story.order("1001", paid=True)
    second = story.order("1002", platform="cloudevents")
    story.block(hinata)
    for orderer in ("1003", "1004", None):
        story.order(orderer)
    story.ship(first, "412345678905")
    story.settle()

    today = story.now()
    _say(story, "birthdays and point lots come from the shop")
    for member_id in ("1001", "1003"):
        story.set_birthday(member_id, days_after(today, 8))
    story.set_lots("1001", [(days_after(today, 9), 300), (days_after(today, 200), 1200)])
    story.set_lots("1002", [(days_after(today, 8), 500)])

    story.clock(today + timedelta(days=1, hours=1))
    _say(story, "a day later 蓮 cancels")
    story.cancel(second, platform="cloudevents")

    day5 = tokyo(days_after(today, 5), datetime.min.time()).replace(hour=_DAY5_AT[0], minute=_DAY5_AT[1])
    story.clock(day5)
    _say(story, "five days after the order at 10:00 the follow-up goes to さくら only")
    _say(story, "蓮 writes 配信停止: his 7-day and 1-day point reminders split around it")
    story.refuse_promo(ren)

    story.clock(tokyo(days_after(today, 8), datetime.min.time()).replace(hour=11, minute=5))
    _say(story, "the birthday at 10:00 and the point reminder at 11:00 went out; さくら unlinks")
    story.unlink(sakura)
    story.order("1001")
    story.settle()


def _judge(story: Story) -> bool:
    _timeline(story)
    _explain(story)
    difference, violations = story.difference(), story.violations()
    for line in difference.lines():
        print(f"  ✗ {line}")
    for row in violations:
        print(f"  ✗ LINE flagged: {row['kind']} {row['text']}")
    counts = story.seen()
    print(f"\n{sum(counts.values())} messages accepted by LINE, each expected once; {len(violations)} violations")
    return not difference and not violations


def _timeline(story: Story) -> None:
    print("\nwhen          who      why                                  what the phone shows")
    why = _reasons(story)
    for row in story.accepted():
        at = datetime.fromisoformat(row["business_at"]).astimezone(TOKYO)
        texts = " ⏎ ".join(_text(message) for message in row["messages"])
        reason = why.get(row["request_id"], row["api"])
        print(f"{at:%m-%d %H:%M}   {_wide(story.names[row['user_id']], 8)} {_wide(reason, 36)} {texts[:110]}")


def _reasons(story: Story) -> dict[str, str]:
    """LINE's request id → scenario and step, as the product's own ledger tells it."""
    reasons = {}
    # By member too: after 連携解除 a friend's own story no longer holds what was sent to the member.
    for person in (*story.names, *_MEMBERS):
        for send in story.musubi("explain", person)["sends"]:
            if send["line_request_id"]:
                reasons[send["line_request_id"]] = f"{send['scenario']}/{send['step']} ({send['channel']})"
    return reasons


def _explain(story: Story) -> None:
    print("\nwhat was not sent, and why (`musubi explain`):")
    for member_id in _MEMBERS:
        found = story.musubi("explain", member_id)
        for send in found["sends"]:
            if send["state"] != "accepted":
                print(f"  member {member_id}: {_wide(send['scenario'], 18)} {send['state']}: {send['reason']}")
        for enrolment in found["enrolments"]:
            if enrolment["state"] == "exited":
                print(f"  member {member_id}: {_wide(enrolment['scenario'], 18)} ended by {enrolment['ended_reason']}")


def _text(message: dict[str, Any]) -> str:
    return str(message.get("text") or message.get("altText") or message["type"]).replace("\n", " ")


def _wide(text: str, width: int) -> str:
    """Pad by what a terminal shows: kana and kanji are two columns wide."""
    shown = sum(2 if ord(c) > 0x2E80 else 1 for c in text)
    return text + " " * max(0, width - shown)


def _urls(story: Story) -> None:
    print("\nlook at it (with HOLD=1):")
    for name, url in (
        ("phones", f"{story.endpoints.line}/phone"),
        ("demo shop", story.endpoints.shop),
        ("API description", f"{story.endpoints.api}/v1/openapi.json"),
    ):
        print(f"  {_wide(name, 18)} {url}")


if __name__ == "__main__":
    sys.exit(main())
