"""CSV: tables of members, orders and points that a shop exports; dropped into the imports bucket or sent by `musubi import`."""

from musubi.adapters.shops.platform import Kind, Platform, Proof

PLATFORM = Platform(
    name="csv",
    title="CSV import",
    kind=Kind.NEUTRAL,
    proof=Proof.VENDOR_DOC,
    signature="none: who may write to the bucket",
    retries="the file is read to its end",
    unknown="each system's column names: what is known lies in recipes/imports, a shop adds its own",
)
