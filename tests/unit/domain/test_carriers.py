"""Carriers, tracking numbers, and which addresses may stand under a customer's thumb."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musubi.domain.carriers import allowed_url, carrier_of, tracking_number, tracking_url


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("ヤマト運輸", "yamato"),
        ("Yamato (JA)", "yamato"),
        ("ﾔﾏﾄ運輸", "yamato"),
        ("クロネコヤマト", "yamato"),
        ("宅急便コンパクト", "yamato"),
        ("佐川急便", "sagawa"),
        ("Sagawa (JA)", "sagawa"),
        ("日本郵便", "japanpost"),
        ("Japan Post (JA)", "japanpost"),
        ("ゆうパック", "japanpost"),
        ("西濃運輸", "seino"),
        ("福山通運", "fukuyama"),
    ],
)
def test_the_many_names_of_a_carrier(name: str, code: str) -> None:
    assert carrier_of(name).code == code


def test_an_unknown_carrier_keeps_its_name_and_no_name_is_none() -> None:
    assert (carrier_of("丸吉便").code, carrier_of("丸吉便").display) == ("other", "丸吉便")
    assert carrier_of(None).code == carrier_of("  ").code == "none"
    assert [(found.code, found.display) for found in map(carrier_of, ("none", "Other"))] == [
        ("none", ""),
        ("other", ""),
    ]


@pytest.mark.parametrize(
    ("raw", "number"),
    [
        ("1234-5678-9012", "123456789012"),
        ("１２３４－５６７８－９０１２", "123456789012"),
        (" 1234 5678 9012 ", "123456789012"),
        ("ra123456789jp", "RA123456789JP"),
        ("1234ー5678ー9012", "123456789012"),
    ],
)
def test_a_number_is_written_as_the_carriers_want_it(raw: str, number: str) -> None:
    assert tracking_number(raw) == number


@pytest.mark.parametrize("code", ["yamato", "sagawa", "japanpost", "seino", "fukuyama"])
def test_every_page_made_here_may_stand_in_a_button(code: str) -> None:
    url = tracking_url(code, "123456789012")
    assert url is not None
    assert "123456789012" in url
    assert allowed_url(url)


@pytest.mark.parametrize("number", ["", "12345", "12345678901234", "123456789012&x=1", "../admin", "RA123456789US"])
def test_what_is_no_number_makes_no_page(number: str) -> None:
    assert tracking_url("yamato", number) is None


def test_an_unknown_carrier_has_no_page() -> None:
    assert tracking_url("other", "123456789012") is None


@pytest.mark.parametrize(
    "url",
    [
        "https://jizen.kuronekoyamato.co.jp/jizen/servlet/crjz.b.NQ0010?id=1",
        "https://kuronekoyamato.co.jp",
        "https://KURONEKOYAMATO.co.jp/x",
        "https://k2k.sagawa-exp.co.jp:443/p/",
        "https://trackings.post.japanpost.jp/x#y",
        "https://track.seino.co.jp./x",
    ],
)
def test_a_carriers_own_pages_are_allowed(url: str) -> None:
    assert allowed_url(url)


HOSTILE = [
    "http://jizen.kuronekoyamato.co.jp/",
    "javascript:alert(1)//kuronekoyamato.co.jp",
    "line://nv/kuronekoyamato.co.jp",
    "tel:0312345678",
    "//jizen.kuronekoyamato.co.jp/",
    "https:jizen.kuronekoyamato.co.jp",
    "https:///jizen.kuronekoyamato.co.jp",
    "https://evil.example/jizen.kuronekoyamato.co.jp",
    "https://evil.example/?u=https://kuronekoyamato.co.jp",
    "https://kuronekoyamato.co.jp.evil.example/",
    "https://evilkuronekoyamato.co.jp/",
    "https://evil-kuronekoyamato.co.jp/",
    "https://kuronekoyamato.co.jp@evil.example/",
    "https://user:pass@jizen.kuronekoyamato.co.jp/",
    "https://user@jizen.kuronekoyamato.co.jp/",
    "https://jizen.kuronekoyamato.co.jp:8443/",
    "https://jizen.kuronekoyamato.co.jp:99999/",
    "https://jizen.kuronekoyamato.co.jp:x/",
    # Browsers read a backslash as a slash: the host is evil.example.
    "https://evil.example\\.kuronekoyamato.co.jp/",
    "https://evil.example\\@jizen.kuronekoyamato.co.jp/",
    "https://evil.example%2f.kuronekoyamato.co.jp/",
    "https://evil.example%5c.kuronekoyamato.co.jp/",
    "https://evil.example;.kuronekoyamato.co.jp/",
    "https://[::1].kuronekoyamato.co.jp/",
    "https://[kuronekoyamato.co.jp/",
    "https://ｋuronekoyamato.co.jp/",
    "https://jizen。kuronekoyamato.co.jp/",
    "https://evil.example/\t.kuronekoyamato.co.jp",
    "https://jizen.kuronekoyamato.co.jp/\nx",
    "https://jizen.kuronekoyamato.co.jp/ x",
    "https://jizen.kuronekoyamato.co.jp/\x00",
    "https://jizen.kuronekoyamato.co.jp/" + "x" * 1000,
    "",
    "https://",
    "https://co.jp/",
    "https://japanpost.jp.:0/",
]


@pytest.mark.parametrize("url", HOSTILE)
def test_everything_else_is_not(url: str) -> None:
    assert not allowed_url(url)


@given(
    st.text("abk.co.jp/\\@:%?#[];-_~ \t0", max_size=30), st.sampled_from(["/", "?", "#", "\\", "@", ":", "%2f", ";"])
)
def test_nothing_before_the_carriers_domain_moves_the_host(head: str, separator: str) -> None:
    """Whatever is allowed has, read as a browser reads it, a host that ends in the carrier's domain."""
    url = f"https://{head}{separator}.kuronekoyamato.co.jp/"
    if allowed_url(url):
        host = urlsplit(url.replace("\\", "/")).hostname or ""
        assert host.rstrip(".").endswith("kuronekoyamato.co.jp")
