"""Invented members. No name, address or number here belongs to anybody."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from local.shop.model import Address, Birthday, Member, PointLot

FAMILIES = (
    ("結城", "ユウキ", "yuki"),
    ("青葉", "アオバ", "aoba"),
    ("水無瀬", "ミナセ", "minase"),
    ("月島", "ツキシマ", "tsukishima"),
    ("楠木", "クスノキ", "kusunoki"),
    ("朝比奈", "アサヒナ", "asahina"),
    ("𠮷川", "ヨシカワ", "yoshikawa"),
    ("橘", "タチバナ", "tachibana"),
    ("早乙女", "サオトメ", "saotome"),
    ("神楽", "カグラ", "kagura"),
    ("七瀬", "ナナセ", "nanase"),
    ("小鳥遊", "タカナシ", "takanashi"),
    ("髙嶺", "タカミネ", "takamine"),
    ("柊", "ヒイラギ", "hiiragi"),
)
GIVENS = (
    ("さくら", "サクラ", "sakura"),
    ("蓮", "レン", "ren"),
    ("ひなた", "ヒナタ", "hinata"),
    ("葵", "アオイ", "aoi"),
    ("大和", "ヤマト", "yamato"),
    ("千歳", "チトセ", "chitose"),
    ("湊", "ミナト", "minato"),
    ("楓", "カエデ", "kaede"),
    ("朔太郎", "サクタロウ", "sakutaro"),
    ("詩織", "シオリ", "shiori"),
    ("悠真", "ユウマ", "yuma"),
)
PLACES = (
    ("1000001", "13", "東京都", "千代田区", "架空町1-2-3"),
    ("6008001", "26", "京都府", "京都市下京区", "見本町45"),
    ("9200001", "17", "石川県", "金沢市", "例示町6-7"),
    ("8120001", "40", "福岡県", "福岡市博多区", "仮町8-9-10 結びビル101"),
    ("0600001", "01", "北海道", "札幌市中央区", "見本通11丁目"),
)
# The first members are fixed as stories need them: a plain birthday, 29 February, one without a year, none.
FIRST_BIRTHDAYS: tuple[Birthday | None, ...] = (
    Birthday(1992, 12, 24),
    Birthday(1988, 2, 29),
    Birthday(None, 12, 24),
    None,
    Birthday(2000, 2, 28),
)


def make_member(serial: int, member_id: str, rng: random.Random, now: datetime) -> Member:
    """Invent the member with running number `serial` (0 = first); the same seed gives the same people."""
    family, family_kana, family_roman = FAMILIES[serial % len(FAMILIES)]
    given, given_kana, given_roman = GIVENS[(serial + serial // len(FAMILIES)) % len(GIVENS)]
    zip_code, province, prefecture, city, street = PLACES[serial % len(PLACES)]
    return Member(
        member_id=member_id,
        family=family,
        given=given,
        family_kana=family_kana,
        given_kana=given_kana,
        email=f"{given_roman}.{family_roman}.{member_id}@example.com",
        phone=f"+8190{serial % 10_000:08d}",
        birthday=_birthday(serial, rng),
        registered_at=now - timedelta(days=rng.randint(30, 900), minutes=rng.randint(0, 1_439)),
        address=Address(zip_code, province, prefecture, city, street),
    )


def make_guest(number: int, now: datetime) -> Member:
    """Whoever receives a guest's parcel: an address without a member number."""
    zip_code, province, prefecture, city, street = PLACES[number % len(PLACES)]
    return Member(
        member_id="",
        family="見本",
        given="太郎",
        family_kana="ミホン",
        given_kana="タロウ",
        email=f"guest{number}@example.com",
        phone="+819000009999",
        birthday=None,
        registered_at=now,
        address=Address(zip_code, province, prefecture, city, street),
    )


def first_lots(serial: int, rng: random.Random, now: datetime) -> list[PointLot]:
    """Two lots per member: one that runs out soon, one that lasts; every fourth member has none."""
    if serial % 4 == 3:
        return []
    today = now.date()
    return [
        PointLot("lot-1", 100 * rng.randint(1, 9), today + timedelta(days=37 + serial % 20)),
        PointLot("lot-2", 50 * rng.randint(1, 30), today + timedelta(days=200 + rng.randint(0, 150))),
    ]


def _birthday(serial: int, rng: random.Random) -> Birthday | None:
    if serial < len(FIRST_BIRTHDAYS):
        return FIRST_BIRTHDAYS[serial]
    return Birthday(rng.randint(1950, 2006), rng.randint(1, 12), rng.randint(1, 28))
