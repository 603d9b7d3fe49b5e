"""What 結び商店 sells. Invented goods; prices are yen with tax."""

from __future__ import annotations

from dataclasses import dataclass

SHIPPING_FEE = 550
FREE_SHIPPING_FROM = 5_500


@dataclass(frozen=True)
class Product:
    """A thing on sale; `price` is integer yen including 10 % tax, `motif` picks the drawing on the page."""

    sku: str
    product_id: int
    variant_id: int
    title: str
    variant: str
    price: int
    grams: int
    category: str
    motif: str
    story: str


def _product(serial: int, row: str, story: str) -> Product:
    sku, title, variant, price, grams, category, motif = row.split("|")
    return Product(
        sku=sku,
        product_id=8_412_300_000_000 + serial * 37,
        variant_id=45_120_700_000_000 + serial * 91,
        title=title,
        variant=variant,
        price=int(price),
        grams=int(grams),
        category=category,
        motif=motif,
        story=story,
    )


# sku | title | variant | yen | grams | category | drawing
_ROWS = {
    "TEA-SEN-100|結び煎茶|100g|1620|120|お茶|茶": "朝の一杯に。香りの高い深蒸しの煎茶です。",
    "TEA-HOJ-080|焙じたて ほうじ茶|80g|1080|100|お茶|焙": "強火で焙じた、夜でも飲みやすいほうじ茶。",
    "WAG-YOK-005|水引ようかん 五本結び|5本入|2160|480|和菓子|菓": "紅白の包みで、内祝いにも。",
    "WAG-SEN-020|胡麻せんべい 縁日缶|20枚入|1944|360|和菓子|缶": "缶の蓋を開けると黒胡麻の香り。",
    "TAB-CUP-BLU|手びねり湯呑|藍|3850|310|うつわ|器": "ひとつずつ色の違う藍の釉薬。",
    "TAB-CUP-WHT|手びねり湯呑|白|3850|310|うつわ|器": "お揃いで選ばれている白の釉薬。",
    "FAB-TNG-MIZ|注染てぬぐい|水引文様|1430|45|布もの|布": "使うほどやわらかくなる特岡の生地。",
    "FAB-FRS-LRG|綿のふろしき|二巾・茜|2420|110|布もの|包": "一升瓶も包める大きさです。",
    "GFT-SET-AKI|秋の贈り物セット|煎茶と湯呑|6480|620|ギフト|贈": "煎茶と湯呑を桐箱に詰めました。",
    "GFT-SET-NEN|年賀のご挨拶セット|菓子とてぬぐい|12800|1150|ギフト|賀": "年始に。のし紙を選べます。",
}
PRODUCTS = tuple(_product(serial, row, story) for serial, (row, story) in enumerate(_ROWS.items(), 1))
BY_SKU = {product.sku: product for product in PRODUCTS}
