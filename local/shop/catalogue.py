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


def _product(serial: int, sku: str, title: str, variant: str, price: int, grams: int, category: str,
             motif: str, story: str) -> Product:
    return Product(sku, 8_412_300_000_000 + serial * 37, 45_120_700_000_000 + serial * 91, title, variant,
                   price, grams, category, motif, story)


PRODUCTS: tuple[Product, ...] = (
    _product(1, "TEA-SEN-100", "結び煎茶", "100g", 1_620, 120, "お茶", "茶", "朝の一杯に。香りの高い深蒸しの煎茶です。"),
    _product(2, "TEA-HOJ-080", "焙じたて ほうじ茶", "80g", 1_080, 100, "お茶", "焙", "強火で焙じた、夜でも飲みやすいほうじ茶。"),
    _product(3, "WAG-YOK-005", "水引ようかん 五本結び", "5本入", 2_160, 480, "和菓子", "菓", "紅白の包みで、内祝いにも。"),
    _product(4, "WAG-SEN-020", "胡麻せんべい 縁日缶", "20枚入", 1_944, 360, "和菓子", "缶", "缶の蓋を開けると黒胡麻の香り。"),
    _product(5, "TAB-CUP-BLU", "手びねり湯呑", "藍", 3_850, 310, "うつわ", "器", "ひとつずつ色の違う藍の釉薬。"),
    _product(6, "TAB-CUP-WHT", "手びねり湯呑", "白", 3_850, 310, "うつわ", "器", "お揃いで選ばれている白の釉薬。"),
    _product(7, "FAB-TNG-MIZ", "注染てぬぐい", "水引文様", 1_430, 45, "布もの", "布", "使うほどやわらかくなる特岡の生地。"),
    _product(8, "FAB-FRS-LRG", "綿のふろしき", "二巾・茜", 2_420, 110, "布もの", "包", "一升瓶も包める大きさです。"),
    _product(9, "GFT-SET-AKI", "秋の贈り物セット", "煎茶と湯呑", 6_480, 620, "ギフト", "贈", "煎茶と湯呑を桐箱に詰めました。"),
    _product(10, "GFT-SET-NEN", "年賀のご挨拶セット", "菓子とてぬぐい", 12_800, 1_150, "ギフト", "賀",
             "年始のご挨拶に。のし紙をお選びいただけます。"),
)
BY_SKU = {product.sku: product for product in PRODUCTS}
