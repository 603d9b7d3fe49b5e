"""What is taken from which EventBridge bus: canonical events from ours, Shopify's webhooks from those of its partner source."""

from dataclasses import dataclass

from infra.canonical_events import CANONICAL_EVENTS
from infra.config import LOCAL, StageConfig
from infra.names import Names

_SHOPIFY = "shopifyWebhook"
"""``detail-type`` of everything that Shopify's partner source sends."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BusRule:
    """What is taken from which bus."""

    id: str
    name: str
    bus: str
    why: str
    pattern: dict[str, object]


def bus_rules(config: StageConfig, names: Names) -> list[BusRule]:
    """Return the rules of a stage, our own bus first."""
    return [_ours(names), *_partners(config, names)]


def _ours(names: Names) -> BusRule:
    return BusRule(
        id="In",
        name="shop-events-in",
        bus=names.prefix,
        why="Canonical shop events, but not the facts that musubi itself puts on the bus",
        pattern={"detail-type": list(CANONICAL_EVENTS), "source": [{"anything-but": ["musubi"]}]},
    )


def _partners(config: StageConfig, names: Names) -> list[BusRule]:
    """A rule on the bus of each partner source; on a machine of one's own on our bus, since Shopify has none there."""
    local = config.stage == LOCAL
    return [
        BusRule(
            id=f"Partner{i}",
            name=f"shopify-in-{i}",
            bus=names.prefix if local else source,
            why=f"Shopify's webhooks of shop {shop}",
            pattern={
                "detail-type": [_SHOPIFY],
                "source": [{"prefix": source} if source.endswith("/") else source],
            },
        )
        for i, (source, shop) in enumerate(sorted(config.partner_sources.items()), start=1)
    ]
