"""Recipes and content files: what is shipped is right, and what is wrong says where."""

from __future__ import annotations

from datetime import time
from pathlib import Path

import pytest

from musubi.adapters.content import FileCatalog
from musubi.domain.errors import ConfigError
from musubi.domain.events import FriendEvent
from musubi.domain.scenario import DateEntry, DateKind, EventEntry, KeyKind, Step, Wait

CONTENT = Path(__file__).parents[3] / "layers" / "content"

SCENARIO = """
id: hello
version: 2
title: あいさつ
for: member
class: promo
entry: {event: OrderPlaced, key: order}
steps:
  - {id: first, template: birthday, wait: {days: 5, at: "10:00"}, expires_h: 48}
exits: [OrderCancelled]
"""


def catalog(tmp_path: Path, **files: str) -> FileCatalog:
    """A catalog over the recipes and `files`: `scenarios__x='…'` is scenarios/x.yaml."""
    for name, text in files.items():
        file = tmp_path / f"{name.replace('__', '/')}.yaml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return FileCatalog(str(tmp_path))


def test_the_shipped_recipes_hold_together() -> None:
    shipped = FileCatalog()
    events = {s.entry.event for s in shipped.scenarios() if isinstance(s.entry, EventEntry)}
    dates = {s.entry.kind for s in shipped.scenarios() if isinstance(s.entry, DateEntry)}
    assert events >= {event.value for event in FriendEvent}
    assert dates == set(DateKind)
    assert set(shipped.words()) == {"honorific", "nameless", "link_reward"}


def test_the_demo_shops_content_overlays_them_by_id() -> None:
    shipped, owned = FileCatalog(), FileCatalog(str(CONTENT))
    assert {s.id for s in shipped.scenarios()} <= {s.id for s in owned.scenarios()}
    assert owned.template("birthday") != shipped.template("birthday")


def test_a_folder_that_is_not_there_is_no_overlay() -> None:
    assert FileCatalog("/nonexistent").scenarios() == FileCatalog().scenarios()


def test_a_scenario_is_read(tmp_path: Path) -> None:
    scenario = catalog(tmp_path, scenarios__hello=SCENARIO).scenario("hello", 1)
    assert scenario is not None
    assert (scenario.version, scenario.entry) == (2, EventEntry("OrderPlaced", KeyKind.ORDER))
    assert scenario.steps == (Step("first", "birthday", Wait(days=5, at=time(10)), expires_h=48),)
    assert scenario.exits == ("OrderCancelled",)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("version: 2", "version: 0", "version"),
        ("title:", "titel:", "titel"),
        ("for: member", "for: everybody", "for"),
        ("for: member", "for: friend", "for: friend does not fit"),
        ("class: promo", "class: spam", "class"),
        ("OrderPlaced, key: order", "OrderPlased, key: order", "unknown event OrderPlased"),
        ("OrderPlaced, key: order", "OrderPlaced, key: shipment", "has no key shipment"),
        ("OrderPlaced, key: order", "OrderPlaced, kee: order", "kee"),
        ("{event: OrderPlaced, key: order}", "{date: birthday, key: expiry}", "has no key expiry"),
        ("{event: OrderPlaced, key: order}", "{date: birthday, key: year, days_before: [1, 1]}", "twice"),
        ("template: birthday", "template: nowhere", "no nowhere"),
        ('at: "10:00"', "at: 10:00", "quoted clock time"),
        ("template: birthday", "template: birthday, awaits: shipment.numbers", "awaits a parcel's numbers"),
        ("template: birthday", "template: birthday, awaits: order.total", "awaits"),
        ('at: "10:00"', 'at: "25:00"', "quoted clock time"),
        ("days: 5", "days: -5", "days"),
        ("expires_h: 48", "expires_h: 0", "expires_h"),
        ("expires_h: 48", "reply: true", "can reply"),
        ("[OrderCancelled]", "[OrderGone]", "unknown event OrderGone in exits"),
        ("id: hello", "id: Hello!", "id"),
        ("id: hello", "id: hello\nid: again", "twice"),
        ("steps:\n", "steps: []\nother:\n", "steps"),
        ("id: hello", "{", "hello.yaml"),
    ],
)
def test_a_mistake_names_its_file_and_key(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in SCENARIO
    with pytest.raises(ConfigError) as caught:
        catalog(tmp_path, scenarios__hello=SCENARIO.replace(old, new))
    assert "scenarios/hello" in str(caught.value)
    assert words in str(caught.value)


def test_one_id_has_one_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"scenarios/b\.yaml: id: hello"):
        catalog(tmp_path, scenarios__a=SCENARIO, scenarios__b=SCENARIO)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("id: x\nmessages: []", "messages"),
        ("id: x\nmessages: [{text: a}]", "needs a type"),
        ("id: x\nmessages: [" + "{type: text, text: a}," * 6 + "]", "messages"),
    ],
)
def test_a_template_has_one_to_five_messages(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        catalog(tmp_path, templates__x=text)


def test_an_unknown_template_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        FileCatalog().template("nowhere")


@pytest.mark.parametrize("text", ["連携解除", " 連携解除 ", "「連携解除」", "連携 解除", "連携解除。", "連携解除\n"])
def test_commands_are_understood_as_people_type_them(text: str) -> None:
    assert FileCatalog().command(text) == "unlink"


@pytest.mark.parametrize("text", ["", "連携解除したい", "解除", "hello", "「」"])
def test_other_texts_are_no_commands(text: str) -> None:
    assert FileCatalog().command(text) is None


def test_a_shop_adds_its_own_commands_and_words(tmp_path: Path) -> None:
    owned = catalog(tmp_path, commands="やめる: unlink\nＩＤ連携: refuse_promo\n", words="honorific: さん\n")
    assert owned.command("やめる") == "unlink"
    assert owned.command("id連携") == "refuse_promo"
    assert owned.command("配信停止") == "refuse_promo"
    assert owned.words() == {"honorific": "さん", "nameless": "お客様", "link_reward": "LINE連携の特典"}
    with pytest.raises(ConfigError, match=r"commands\.yaml"):
        catalog(tmp_path, commands="やめる: explode\n")
