"""§2.9: what LINE accepts as a message, and the property path of what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from local.line.validate.counting import graphemes, utf16
from local.line.validate.messages import check_messages
from local.line.validate.report import Report
from tests.unit.line_sim.rig import Rig, body_of

FAMILY = "👨‍👩‍👧‍👦"
POST = {"type": "postback", "label": "選ぶ", "data": "x"}
URI = {"type": "uri", "label": "見る", "uri": "https://shop.example/"}


def text(value: Any, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": value, **more}


def buttons(**change: Any) -> dict[str, Any]:
    template = {"type": "buttons", "text": "本文", "actions": [POST], **change}
    return {"type": "template", "altText": "代替", "template": template}


def with_action(action: dict[str, Any]) -> dict[str, Any]:
    return buttons(actions=[action])


def confirm(**change: Any) -> dict[str, Any]:
    template = {"type": "confirm", "text": "本文", "actions": [POST, POST], **change}
    return {"type": "template", "altText": "代替", "template": template}


def carousel(*columns: dict[str, Any]) -> dict[str, Any]:
    return {"type": "template", "altText": "代替", "template": {"type": "carousel", "columns": list(columns)}}


def column(**change: Any) -> dict[str, Any]:
    return {"text": "本文", "actions": [POST], **change}


def pictures(*columns: dict[str, Any]) -> dict[str, Any]:
    return {"type": "template", "altText": "代替", "template": {"type": "image_carousel", "columns": list(columns)}}


def flex(*contents: dict[str, Any], layout: str = "vertical", **bubble: Any) -> dict[str, Any]:
    body = {"type": "box", "layout": layout, "contents": list(contents)}
    return {"type": "flex", "altText": "代替", "contents": {"type": "bubble", "body": body, **bubble}}


def bubbles(*sizes: str) -> dict[str, Any]:
    made = [{**flex({"type": "text", "text": "あ"})["contents"], "size": size} for size in sizes]
    return {"type": "flex", "altText": "代替", "contents": {"type": "carousel", "contents": made}}


def quick(count: int, **change: Any) -> dict[str, Any]:
    item = {"type": "action", "action": {"type": "message", "label": "はい", "text": "はい"}, **change}
    return text("どれ", quickReply={"items": [item] * count})


def picker(**change: Any) -> dict[str, Any]:
    return with_action({"type": "datetimepicker", "label": "日付", "data": "x", "mode": "date", **change})


IMAGE = {
    "type": "image",
    "originalContentUrl": "https://public.example/a.jpg",
    "previewImageUrl": "https://public.example/b.jpg",
}
PLACE = {"type": "location", "title": "店", "address": "東京", "latitude": 35.6, "longitude": 139.7}
MAP = {
    "type": "imagemap",
    "baseUrl": "https://public.example/map",
    "altText": "地図",
    "baseSize": {"width": 1040, "height": 1040},
    "actions": [{"type": "uri", "linkUri": "https://shop.example/", "area": {"x": 0, "y": 0, "width": 9, "height": 9}}],
}

# (rule, message, property of the first error, or None when LINE takes it)
TABLE: list[tuple[str, Any, str | None]] = [
    ("§2.9 text 5000", text("あ" * 5000), None),
    ("§2.9 text over 5000", text("あ" * 5001), "messages[0].text"),
    ("§2.9 text empty", text(""), "messages[0].text"),
    ("§2.9 text no string", text(5), "messages[0].text"),
    ("§2.9 text in UTF-16: an apple is 2", text("🍎" * 2500), None),
    ("§2.9 text in UTF-16: 2,501 apples", text("🍎" * 2501), "messages[0].text"),
    ("§2.9 unknown message type", {"type": "poem"}, "messages[0].type"),
    ("§2.9 no object", "hello", "messages[0]"),
    ("§2.9 emoji at a dollar", text("$!", emojis=[{"index": 0, "productId": "5ac1", "emojiId": "001"}]), None),
    (
        "§2.9 emoji elsewhere",
        text("!$", emojis=[{"index": 0, "productId": "5ac1", "emojiId": "001"}]),
        "messages[0].emojis[0].index",
    ),
    (
        "§2.9 emojis 20",
        text("$" * 21, emojis=[{"index": i, "productId": "5", "emojiId": "1"} for i in range(21)]),
        "messages[0].emojis",
    ),
    (
        "§2.9 textV2 placeholder",
        {"type": "textV2", "text": "{e}", "substitution": {"e": {"type": "emoji", "productId": "5", "emojiId": "1"}}},
        None,
    ),
    ("§2.9 textV2 missing substitution", {"type": "textV2", "text": "{name}"}, "messages[0].text"),
    ("§2.9 textV2 escaped braces", {"type": "textV2", "text": "{{name}}"}, None),
    (
        "§2.9 textV2 mention in 1:1",
        {"type": "textV2", "text": "{m}", "substitution": {"m": {"type": "mention", "mentionee": {"type": "all"}}}},
        "messages[0].substitution.m",
    ),
    ("§2.9 sticker", {"type": "sticker", "packageId": "446", "stickerId": "1988"}, None),
    ("§2.9 sticker without id", {"type": "sticker", "packageId": "446"}, "messages[0].stickerId"),
    ("§2.9 image", IMAGE, None),
    ("§2.9 image by http", {**IMAGE, "previewImageUrl": "http://public.example/b.jpg"}, "messages[0].previewImageUrl"),
    (
        "§2.9 image URL over 2000",
        {**IMAGE, "originalContentUrl": "https://a.example/" + "x" * 2000},
        "messages[0].originalContentUrl",
    ),
    (
        "§2.9 URL not percent-encoded",
        {**IMAGE, "originalContentUrl": "https://a.example/画像"},
        "messages[0].originalContentUrl",
    ),
    ("§2.9 video trackingId 100", {**IMAGE, "type": "video", "trackingId": "t" * 101}, "messages[0].trackingId"),
    (
        "§2.9 audio needs a duration",
        {"type": "audio", "originalContentUrl": "https://a.example/a.m4a"},
        "messages[0].duration",
    ),
    ("§2.9 location", PLACE, None),
    ("§2.9 location title 100", {**PLACE, "title": "あ" * 101}, "messages[0].title"),
    ("§2.9 imagemap", MAP, None),
    ("§2.9 imagemap width 1040", {**MAP, "baseSize": {"width": 700, "height": 1040}}, "messages[0].baseSize.width"),
    ("§2.9 buttons", buttons(), None),
    ("§2.9 altText 1500", {**buttons(), "altText": "あ" * 1501}, "messages[0].altText"),
    ("§2.9 buttons text 160", buttons(text="あ" * 160), None),
    ("§2.9 buttons text over 160", buttons(text="あ" * 161), "messages[0].template.text"),
    ("§2.9 buttons text 60 with title", buttons(title="題", text="あ" * 61), "messages[0].template.text"),
    (
        "§2.9 buttons text 60 with image",
        buttons(thumbnailImageUrl="https://a.example/a.jpg", text="あ" * 61),
        "messages[0].template.text",
    ),
    ("§2.9 buttons text in graphemes", buttons(text=FAMILY * 160), None),
    ("§2.9 buttons title 40", buttons(title="題" * 41), "messages[0].template.title"),
    ("§2.9 buttons actions 4", buttons(actions=[POST] * 5), "messages[0].template.actions"),
    ("§2.9 confirm", confirm(), None),
    ("§2.9 confirm text 240", confirm(text="あ" * 241), "messages[0].template.text"),
    ("§2.9 confirm exactly 2 actions", confirm(actions=[POST]), "messages[0].template.actions"),
    ("§2.9 carousel", carousel(column(), column()), None),
    ("§2.9 carousel columns 10", carousel(*[column()] * 11), "messages[0].template.columns"),
    ("§2.9 carousel text 120", carousel(column(text="あ" * 121)), "messages[0].template.columns[0].text"),
    ("§2.9 carousel actions 3", carousel(column(actions=[POST] * 4)), "messages[0].template.columns[0].actions"),
    (
        "§2.9 carousel same number of actions",
        carousel(column(), column(actions=[POST, POST])),
        "messages[0].template.columns",
    ),
    ("§2.9 carousel same titles", carousel(column(title="題"), column()), "messages[0].template.columns"),
    (
        "§2.9 image carousel label 12",
        pictures({"imageUrl": "https://a.example/a", "action": {**URI, "label": "あ" * 13}}),
        "messages[0].template.columns[0].action.label",
    ),
    (
        "§2.9 image carousel without label",
        pictures({"imageUrl": "https://a.example/a", "action": {"type": "uri", "uri": "https://a.example/"}}),
        None,
    ),
    ("§2.9 flex", flex({"type": "text", "text": "あ"}), None),
    ("§2.9 flex text needs text or contents", flex({"type": "text"}), "messages[0].contents.body.contents[0].text"),
    ("§2.9 flex spans", flex({"type": "text", "contents": [{"type": "span", "text": "あ"}]}), None),
    ("§2.9 flex unknown component", flex({"type": "video"}), "messages[0].contents.body.contents[0].type"),
    (
        "§2.9 flex unknown field",
        flex({"type": "text", "text": "あ", "colour": "#000000"}),
        "messages[0].contents.body.contents[0].colour",
    ),
    (
        "§2.9 flex icon outside baseline",
        flex({"type": "icon", "url": "https://a.example/a"}),
        "messages[0].contents.body.contents[0].type",
    ),
    ("§2.9 flex icon in baseline", flex({"type": "icon", "url": "https://a.example/a"}, layout="baseline"), None),
    (
        "§2.9 flex button label 40",
        flex({"type": "button", "action": {**URI, "label": "あ" * 41}}),
        "messages[0].contents.body.contents[0].action.label",
    ),
    (
        "§2.9 flex button label required",
        flex({"type": "button", "action": {"type": "uri", "uri": "https://a.example/"}}),
        "messages[0].contents.body.contents[0].action.label",
    ),
    (
        "§2.9 flex image https",
        flex({"type": "image", "url": "http://a.example/a"}),
        "messages[0].contents.body.contents[0].url",
    ),
    ("§2.9 flex bubble 30 KB", flex({"type": "text", "text": "a" * 31_000}), "messages[0].contents"),
    ("§2.9 flex carousel 12", bubbles(*["mega"] * 13), "messages[0].contents.contents"),
    ("§2.9 flex carousel one size", bubbles("mega", "kilo"), "messages[0].contents.contents"),
    (
        "§2.9 flex video hero not micro",
        flex(
            {"type": "text", "text": "あ"},
            size="micro",
            hero={
                "type": "video",
                "url": "https://a.example/v",
                "previewUrl": "https://a.example/p",
                "altContent": {"type": "image", "url": "https://a.example/i"},
            },
        ),
        "messages[0].contents.size",
    ),
    ("§2.9 coupon must exist", {"type": "coupon", "couponId": "01ABC"}, "messages[0].couponId"),
    ("§2.9 quick replies 13", quick(13), None),
    ("§2.9 quick replies over 13", quick(14), "messages[0].quickReply.items"),
    (
        "§2.9 quick reply icon https",
        quick(1, imageUrl="http://a.example/a.png"),
        "messages[0].quickReply.items[0].imageUrl",
    ),
    (
        "§2.9 quick reply label 20",
        quick(1, action={"type": "message", "label": "あ" * 21, "text": "x"}),
        "messages[0].quickReply.items[0].action.label",
    ),
    ("§2.9 camera in a quick reply", quick(1, action={"type": "camera", "label": "写真"}), None),
    ("§2.9 camera elsewhere", with_action({"type": "camera", "label": "写真"}), "messages[0].template.actions[0].type"),
    (
        "§2.9 richmenuswitch only in rich menus",
        quick(1, action={"type": "richmenuswitch", "label": "次", "data": "x"}),
        "messages[0].quickReply.items[0].action.type",
    ),
    ("§2.9 sender name 20", text("a", sender={"name": "あ" * 21}), "messages[0].sender.name"),
    ("§2.9 sender name LINE", text("a", sender={"name": "LINE公式"}), "messages[0].sender.name"),
    ("§2.9 label required", with_action({"type": "postback", "data": "x"}), "messages[0].template.actions[0].label"),
    ("§2.9 label 20 graphemes", with_action({**POST, "label": FAMILY * 20}), None),
    ("§2.9 label over 20", with_action({**POST, "label": "あ" * 21}), "messages[0].template.actions[0].label"),
    ("§2.9 postback data 300", with_action({**POST, "data": "x" * 301}), "messages[0].template.actions[0].data"),
    (
        "§2.9 displayText not with text",
        with_action({**POST, "displayText": "a", "text": "b"}),
        "messages[0].template.actions[0].displayText",
    ),
    (
        "§2.9 fillInText with openKeyboard",
        with_action({**POST, "inputOption": "openKeyboard", "fillInText": "a"}),
        None,
    ),
    ("§2.9 fillInText alone", with_action({**POST, "fillInText": "a"}), "messages[0].template.actions[0].fillInText"),
    (
        "§2.9 message text 300",
        with_action({"type": "message", "label": "a", "text": "あ" * 301}),
        "messages[0].template.actions[0].text",
    ),
    ("§2.9 uri 10,000", with_action({**URI, "uri": "https://a.example/" + "x" * 9000}), None),
    (
        "§2.9 uri over 10,000",
        with_action({**URI, "uri": "https://a.example/" + "x" * 10_000}),
        "messages[0].template.actions[0].uri",
    ),
    ("§2.9 uri tel", with_action({**URI, "uri": "tel:0312345678"}), None),
    ("§2.9 uri mailto", with_action({**URI, "uri": "mailto:a@shop.example"}), "messages[0].template.actions[0].uri"),
    (
        "§2.9 altUri only in flex",
        with_action({**URI, "altUri": {"desktop": "https://a.example/"}}),
        "messages[0].template.actions[0].altUri",
    ),
    ("§2.9 datetimepicker", picker(initial="2026-12-24"), None),
    ("§2.9 datetimepicker 1900-2100", picker(max="2101-01-01"), "messages[0].template.actions[0].max"),
    ("§2.9 datetimepicker mode", picker(mode="year"), "messages[0].template.actions[0].mode"),
    (
        "§2.9 clipboard 1000",
        with_action({"type": "clipboard", "label": "写す", "clipboardText": "x" * 1001}),
        "messages[0].template.actions[0].clipboardText",
    ),
]


@pytest.mark.parametrize(("message", "path"), [pytest.param(m, p, id=s) for s, m, p in TABLE])
def test_message(message: Any, path: str | None) -> None:
    report = Report()
    check_messages(report, {"messages": [message]})
    assert [error["property"] for error in report.errors][:1] == ([path] if path else []), report.errors


@pytest.mark.parametrize("count", [0, 6])
def test_one_to_five_messages(count: int) -> None:
    report = Report()
    check_messages(report, {"messages": [text("a")] * count})
    assert report.errors == [{"message": "Size must be between 1 and 5", "property": "messages"}]


@pytest.mark.parametrize(
    ("value", "units", "clusters"),
    [("あ", 1, 1), ("🍎", 2, 1), (FAMILY, 11, 1), ("🇯🇵🇺🇸", 8, 2), ("か\u3099", 2, 1), ("👍🏽", 4, 1), ("葛󠄀", 3, 1)],
)
def test_two_ways_of_counting(value: str, units: int, clusters: int) -> None:
    assert (utf16(value), graphemes(value)) == (units, clusters)


@pytest.mark.parametrize("kind", ["reply", "push", "multicast", "narrowcast", "broadcast"])
def test_validate_shares_the_checks_and_sends_nothing(rig: Rig, kind: str) -> None:
    path = f"/v2/bot/message/validate/{kind}"
    assert rig.call("POST", path, {"messages": [text("a")]}).status == 200
    answer = rig.call("POST", path, {"messages": [text("あ" * 5001)]})
    assert answer.status == 400
    assert body_of(answer) == {
        "message": "The request body has 1 error(s)",
        "details": [{"message": "Length must be between 0 and 5000", "property": "messages[0].text"}],
    }
    assert rig.world.accepted == []


def test_undocumented_properties_are_taken_but_flagged(rig: Rig) -> None:
    friend = rig.friend()
    assert rig.push(friend, [{"type": "text", "text": "a", "colour": "red"}]).status == 200
    assert rig.unordered() == ["unknown property"]
