"""Our own writes come back from the shop as updates. Here they are told apart from what the shop or the member did.

What is expected is stored with the member before the shop is called. An update that changes nothing but that, is ours: what is
stored follows it, and nobody is told. Each write explains one change; the same change once more is somebody else's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from musubi.domain.events import ShopEvent
from musubi.domain.people import Attribute, Consent, Member, OwnWrite
from musubi.domain.shop_writes import REFUSED_TAG

ECHO = timedelta(hours=5)
"""How long after a write its echo is known: Shopify goes on delivering a webhook for four hours (ec-platforms §1)."""

MOMENT = timedelta(minutes=10)
"""An update that changes nothing we read counts as ours only if the shop dates it so close to a write."""

MAX_OWN = 8

OWN_WRITE = "own_write"
"""Reason of an update that is nothing but the echo of our own write."""

ECHOING = frozenset(
    {"MemberUpdated", "MemberTagsChanged", "MemberConsentChanged", "PointsGranted", "PointsBalanceChanged"}
)
"""Events as which a write of ours can come back."""

_MARK = re.compile(r"_?musubi[._]line_promo")
"""The field in which a shop system without a consent for LINE holds it."""

Effect = tuple[str, str]
"""(`tag:<name>`, `true` or `false`), (`consent`, …), (`points`, how many more)."""


def order_of(own: OwnWrite) -> tuple[datetime, int, str]:
    """By the facts behind them, whatever arrived when."""
    return own.said_at, own.rank, own.write_id


def newest_of(member: Member | None, slot: str) -> OwnWrite | None:
    """The newest write in `slot`."""
    return max((own for own in member.own_writes if own.slot == slot), key=order_of, default=None) if member else None


def noted(member: Member, own: OwnWrite) -> Member:
    """The member as it is stored before the shop is called: `own` may come back from now on.

    The newest write of each slot stays for good, since later facts are put in order by it.
    """
    known = next((one for one in member.own_writes if one.write_id == own.write_id), None)
    if known is not None:
        own = replace(own, seen=known.seen)
    writes = [*(one for one in member.own_writes if one.write_id != own.write_id), own]
    newest = {id(max((w for w in writes if w.slot == slot), key=order_of)) for slot in {w.slot for w in writes}}
    lasting = [one for one in writes if id(one) in newest]
    passing = sorted((w for w in writes if id(w) not in newest and own.at - w.at <= ECHO), key=lambda w: w.at)
    kept = [*passing[max(0, len(passing) - MAX_OWN + len(lasting)) :], *lasting]
    return replace(member, own_writes=tuple(sorted(kept, key=lambda w: (w.at, w.write_id))), version=member.version + 1)


@dataclass(frozen=True)
class Echo:
    """What of an update is ours. `whole`: nothing else is in it. `seen` are the writes whose effect it brought."""

    whole: bool
    seen: frozenset[str] = frozenset()


def echo_of(before: Member | None, after: Member | None, event: ShopEvent, ahead: timedelta) -> Echo:
    """How much of what `event` made of `before` is explained by our own writes. `after` None: it changed nothing.

    `ahead` is how far business time is ahead of machine time: where the clock can be moved, a shop dates by either.
    """
    pending = [own for own in before.own_writes if _is_close(event.received_at - ahead, own.at)] if before else []
    if before is None or not pending or event.type not in ECHOING:
        return Echo(whole=False)
    changed, foreign = _difference(before, after) if after is not None else (set[Effect](), False)
    seen, explained = set[str](), set[Effect]()
    for own in pending:
        effect = (own.effect, own.value)
        if not own.seen and effect in changed and effect not in explained:
            seen.add(own.write_id)
            explained.add(effect)
    if foreign or changed != explained:
        return Echo(whole=False, seen=frozenset(seen))
    if changed:
        return Echo(whole=True, seen=frozenset(seen))
    times = (event.as_of, event.as_of - ahead)
    return Echo(whole=any(abs(at - own.at) <= MOMENT for own in pending for at in times))


def differs(before: Member | None, after: Member | None) -> bool:
    """True when `after` (None: what is stored stays) says of the member what `before` does not, whenever it was said."""
    if after is None:
        return False
    return before is None or _difference(before, after) != (set(), False)


def _is_close(received_at: datetime, written_at: datetime) -> bool:
    return received_at - written_at <= ECHO


def with_seen(member: Member, seen: frozenset[str]) -> Member:
    """`member` whose writes `seen` have come back. No write by itself: it is stored with what the echo changed."""
    if not seen:
        return member
    marked = tuple(replace(own, seen=True) if own.write_id in seen else own for own in member.own_writes)
    return replace(member, own_writes=marked)


def _difference(before: Member, after: Member) -> tuple[set[Effect], bool]:
    """What `after` says otherwise than `before`: what a write of ours could have done, and whether there is more. When
    something was said is no difference.
    """
    effects = {_of_tag(tag, on=True) for tag in set(after.tags) - set(before.tags)}
    effects |= {_of_tag(tag, on=False) for tag in set(before.tags) - set(after.tags)}
    marks, others = _marks(before, after)
    effects |= {("consent", "true" if value is True else "false") for value in marks}
    if before.points != after.points:
        more = None if before.points is None or after.points is None else after.points - before.points
        effects.add(("points", str(more)))
    elif before.lots != after.lots:
        others = True
    return effects, others or _rest(before) != _rest(after)


def _of_tag(tag: str, *, on: bool) -> Effect:
    """A refusal that a shop holds as a tag is a consent all the same."""
    if tag == REFUSED_TAG:
        return "consent", "false" if on else "true"
    return f"tag:{tag}", "true" if on else "false"


def _marks(before: Member, after: Member) -> tuple[list[object], bool]:
    """New values of the consent for LINE in whatever field the shop holds it, and whether other fields changed."""
    was = {**_attributes(before.attributes), **_consents(before.consents)}
    now = {**_attributes(after.attributes), **_consents(after.consents)}
    changed = {name: now.get(name) for name in was.keys() | now.keys() if was.get(name) != now.get(name)}
    ours = {name: value for name, value in changed.items() if _MARK.fullmatch(name) and isinstance(value, bool)}
    return list(ours.values()), len(ours) < len(changed)


def _attributes(attributes: tuple[Attribute, ...]) -> dict[str, object]:
    return {one.name: one.value for one in attributes}


def _consents(consents: tuple[Consent, ...]) -> dict[str, object]:
    """A shop that has a consent for LINE of its own holds it there."""
    on_line = ("line", "marketing")
    return {
        "musubi.line_promo" if (c.channel, c.purpose) == on_line else f"{c.channel} {c.purpose}": c.allowed
        for c in consents
    }


def _rest(member: Member) -> tuple[object, ...]:
    """All that no write of ours changes. Lots follow the points they belong to."""
    profile = (member.state, member.family_name, member.given_name, member.birthday, member.registered_at)
    return (*profile, member.rank, member.joined, member.merged_into)
