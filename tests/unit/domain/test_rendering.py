"""Templates and facts to the JSON that LINE gets."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musubi.domain.rendering import RenderError, member_facts, placeholders, render, yen
from tests.support import made

texts = st.text(st.characters(exclude_categories=["Cs"]))


def test_facts_stand_where_the_template_names_them() -> None:
    template = [{"type": "text", "text": "${member.name}、${order.number} ${order.number}"}]
    rendered = render(template, {"member.name": "結城様", "order.number": "#1010", "unused": "x"})
    assert json.loads(rendered) == [{"type": "text", "text": "結城様、#1010 #1010"}]


def test_the_json_is_compact_and_japanese_stays_japanese() -> None:
    assert render([{"type": "text", "text": "結び"}], {}) == '[{"type":"text","text":"結び"}]'


@pytest.mark.parametrize(
    "template",
    [
        [{"type": "text", "text": "${order.number}"}],
        [{"type": "text", "text": "a", "quickReply": {"items": [{"label": "${order.number}"}]}}],
    ],
)
def test_a_missing_fact_is_an_error_never_a_hole(template: Any) -> None:
    with pytest.raises(RenderError, match=r"order\.number"):
        render(template, {"order.id": "1"})


@given(texts)
def test_a_fact_is_text_whatever_is_in_it(value: str) -> None:
    """Quotes, braces and placeholders of strangers end up as letters, not as structure."""
    rendered = render([{"type": "text", "text": "${a.b}!"}], {"a.b": value, "c.d": "secret"})
    assert json.loads(rendered) == [{"type": "text", "text": value + "!"}]


def test_a_fact_is_not_read_as_a_template() -> None:
    assert "secret" not in render([{"type": "text", "text": "${a}"}], {"a": "${b}", "b": "secret"})


WHEN = [
    {"type": "text", "text": "always"},
    {"when": "shipment.url", "type": "text", "text": "${shipment.url}"},
]


@pytest.mark.parametrize("facts", [{}, {"shipment.url": ""}])
def test_a_part_whose_fact_is_missing_or_empty_is_left_out(facts: dict[str, str]) -> None:
    assert json.loads(render(WHEN, facts)) == [{"type": "text", "text": "always"}]


def test_a_part_whose_fact_is_there_is_kept_without_its_condition() -> None:
    rendered = json.loads(render(WHEN, {"shipment.url": "https://example.jp"}))
    assert rendered[1] == {"type": "text", "text": "https://example.jp"}


def test_conditions_work_inside_a_message_too() -> None:
    template = [{"type": "x", "actions": [{"when": "a", "label": "${a}"}, {"label": "b"}]}]
    assert json.loads(render(template, {})) == [{"type": "x", "actions": [{"label": "b"}]}]


@pytest.mark.parametrize(
    "template", [[], [{"when": "a", "type": "text", "text": "${a}"}], [{"type": "text"}] * 6, {"type": "text"}, "text"]
)
def test_line_takes_one_to_five_messages(template: Any) -> None:
    with pytest.raises(RenderError, match="1 to 5"):
        render(template, {})


def test_what_a_template_asks_for_is_known_beforehand() -> None:
    template = [{"when": "shipment.url", "text": "${member.name} ${order.number}", "more": ["${a.b}", 3, None]}]
    assert placeholders(template) == {"shipment.url", "member.name", "order.number", "a.b"}


@pytest.mark.parametrize(
    ("family", "given_name", "name"),
    [
        ("結城", "さくら", "結城 さくら様"),
        ("結城", None, "結城様"),
        (None, "さくら", "さくら様"),
        ("Yuki", "Sakura", "Sakura Yuki様"),
        ("ユウキ", "Sakura", "ユウキ Sakura様"),
        ("結城様", None, "結城様"),
        ("結城", "さくら様", "結城 さくら様"),
        ("結城さん", None, "結城様"),
        ("結城 様", None, "結城様"),
        ("様", None, "お客様"),
        (None, None, "お客様"),
        ("", "", "お客様"),
        ("sakura@example.jp", None, "お客様"),
    ],
)
def test_how_a_member_is_addressed(family: str | None, given_name: str | None, name: str) -> None:
    member = made.member(family_name=family, given_name=given_name)
    assert member_facts(member, "お客様", "様") == {"member.name": name}


def test_nobody_known_is_addressed_by_the_fallback() -> None:
    assert member_facts(None, "お客様", "様") == {"member.name": "お客様"}


@pytest.mark.parametrize(("amount", "text"), [(0, "0"), (999, "999"), (12_800, "12,800"), (-1_500, "-1,500")])
def test_yen(amount: int, text: str) -> None:
    assert yen(amount) == text
