"""楽天市場, asked through RMS (WEB SERVICE 2.0, 楽天ペイ受注API; ec-platforms §2.4). Its documents are for its shops only, so
names of fields, codes and limits are those that public clients agree on.

An order names no member (only whether somebody is one of Rakuten) and a masked address: a guest's order stays with its
number. The mall restricts whom a shop may write to outside of it, so an order from Rakuten links to nobody.

Not used: what RMS pushes of late (システムイベント通知), of which nothing but names is public, and `getPayment`.
"""

from musubi.adapters.shops.platform import Kind, Platform, Proof

PLATFORM = Platform(
    name="rakuten",
    title="Rakuten (RMS)",
    kind=Kind.POLL,
    proof=Proof.ASSUMED,
    signature="none: it is asked, with a license key",
    retries="the next poll asks again",
    polls=("orders",),
    link_ways="none: guests only",
    unknown=(
        "how late an order may appear in its search, how a call too many is refused, when an order was settled or cancelled "
        "where no change names it; refunds are not read; orders cancelled more than 62 days after they were placed are not "
        "seen cancelled, and numbers added more than 3 days after dispatch not seen added"
    ),
)
