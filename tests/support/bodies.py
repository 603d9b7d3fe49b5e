"""Every body of `events/`, and of a folder of captures, through its door and worker in one process.

A folder of captures is `<system>/<topic>.json`; its bodies are signed here with the test secret. `local/bodies.py` takes the
same files to a running stack.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local.bodies import by_platform, topic
from musubi.adapters.shops.platforms import DOORS
from musubi.adapters.shops.source import NoApi, ShopApi, Snapshot, What, open_source
from musubi.adapters.shops.square.api import SNAPSHOT
from musubi.contracts import jobs
from tests.support.answering import ANSWERING
from tests.support.eccube_shop import eccube_shop
from tests.support.intake import AT, Fate, Intake, signed
from tests.support.markdown import ROOT
from tests.support.square_shop import square_shop

EVENTS = ROOT / "events"
_LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)
ANSWERS = [EVENTS / "shop_api" / "eccube" / name for name in ("customer_new.json", "order_new.json")]
VARIABLE = "MUSUBI_PAYLOADS"
"""Names a folder of captures for the test suite."""


@dataclass(frozen=True)
class Row:
    """What became of one file. `answer` is the HTTP status, 0 where no call is made of it."""

    system: str
    file: str
    answer: int
    fates: tuple[Fate, ...]

    @property
    def verdict(self) -> str:
        """`accepted`, `unread`, `quarantined`, `waits` or `refused`; several of them if its events differ."""
        if not self.answer:
            return "no call"
        if self.answer >= 400:
            return "refused"
        return " + ".join(sorted({fate.what for fate in self.fates})) or "nothing in it"

    @property
    def why(self) -> str:
        return "; ".join(dict.fromkeys(fate.why for fate in self.fates))


def samples(folder: Path = EVENTS) -> Iterator[Row]:
    """Every sample file of ours, with the headers that lie beside it. Shops that are asked answer as `shop_api` shows."""
    for path in sorted(folder.rglob("*.json")):
        if path.name.endswith(".headers.json"):
            continue
        name = str(path.relative_to(folder))
        match path.relative_to(folder).parts[:-1]:
            case ("shop", platform):
                with _asking(ANSWERS) as intake:
                    yield _called(intake, platform, name, path.read_bytes(), _headers(path))
            case ("shop_api", "eccube") if (thing := _thing(path)) is not None:
                raw = json.dumps([{**thing, "action": "updated"}]).encode()
                with _asking([path]) as intake:
                    yield _called(intake, "eccube", name, raw, signed("eccube", raw, {})[0])
            case ("shop_api", "square") if (answer := json.loads(path.read_bytes())).keys() & {"order", "customers"}:
                yield _behind_square(name, answer)
            case ("shop_api", platform) if (listed := _listed(platform, path)) is not None:
                yield _found(platform, name, *listed)
            case ("line",):
                intake = Intake()
                status = intake.line(path.read_bytes(), _headers(path))["statusCode"]
                yield Row("line", name, status, tuple(intake.work()))
            case ("bus",):
                yield _brought(name, path.read_text(encoding="utf-8"))
            case ("aws",) if path.name.startswith("http_api"):
                intake = Intake()
                status = intake.http(json.loads(path.read_bytes()))["statusCode"]
                yield Row("aws", name, status, tuple(intake.work()))
            case (kind, *_):
                yield _no_call(kind, name, "no call: what a queue, a schedule or a shop that is asked hands over")


def captures(folder: Path) -> Iterator[Row]:
    """Every body of a folder `<system>/<topic>.json`, signed with the test secret."""
    for path in sorted(folder.glob("*/*.json")):
        system, name, raw = path.parent.name, str(path.relative_to(folder)), path.read_bytes()
        if system.startswith("shopify-event"):
            yield _brought(name, raw.decode())
        elif system == "eccube" and not path.name.startswith("webhook"):
            yield _no_call(system, name, "what the shop's API answers")
        elif (listed := _listed(system, path)) is not None:
            yield _found(system, name, *listed)
        elif system in ANSWERING and system not in DOORS:
            yield _found(system, name, "orders", [json.loads(raw)])
        elif system in DOORS:
            kind = "application/cloudevents+json" if system == "cloudevents" else "application/json"
            headers, query = signed(system, raw, {"content-type": kind, **topic(system, path.stem)})
            yield _called(Intake(), system, name, raw, headers, query)
        else:
            yield _no_call(system, name, "this system is asked, it does not call")


@contextmanager
def _asking(answers: Iterable[Path]) -> Iterator[Intake]:
    """An intake whose EC-CUBE answers with these samples, and whose other shops can not be asked."""
    with eccube_shop() as shop:
        for path in answers:
            for alias, document in json.loads(path.read_bytes())["data"].items():
                if document is not None:
                    shop.put(alias.rstrip("0123456789"), document)

        def api(shop_id: str, platform: str) -> ShopApi:
            if platform != "eccube":
                raise NoApi(shop_id, platform)
            return ShopApi(
                shop_id=shop_id,
                base_url=shop.url,
                keys=lambda: (),
                left_s=lambda: 60.0,
                bearer=lambda refused=None: next(iter(shop.good)),
            )

        intake = Intake()
        intake.world.apis = api
        yield intake


def _behind_square(name: str, answer: dict[str, Any]) -> Row:
    """An order that a webhook names, fetched; or customers that a poll found."""
    intake = Intake()
    if "customers" in answer:
        bodies = (json.dumps({"customer": one}, ensure_ascii=False).encode() for one in answer["customers"])
        found = (Snapshot({SNAPSHOT: "customer"}, body) for body in bodies)
        intake.sent += [jobs.found_body("main", "square", one, AT, False, intake._claim) for one in found]
        return Row("square", name, 200, tuple(intake.work()))
    thin = {"order_id": answer["order"]["id"], "state": answer["order"]["state"]}
    call = {"type": "order.updated", "event_id": name, "data": {"object": {"order_updated": thin}}}
    raw = json.dumps(call).encode()
    with square_shop() as shop:
        shop.orders[thin["order_id"]] = answer["order"]
        intake.world.apis = lambda *_: shop.api()
        return _called(intake, "square", name, raw, signed("square", raw, {})[0])


def _listed(platform: str, path: Path) -> tuple[What, list[Any]] | None:
    """What an answer of a shop that is only asked lists; None for other answers, and of other shops."""
    return ANSWERING[platform].things(json.loads(path.read_bytes())) if platform in ANSWERING else None


def _found(platform: str, name: str, what: What, things: list[Any]) -> Row:
    """What becomes of `things` once a poll finds them: the platform's source reads them from a shop of nothing else."""
    intake = Intake()
    with ANSWERING[platform].api(what, things) as api:
        page = open_source(platform, api).changed(what, _LONG_AGO, AT, None)
    intake.sent += [jobs.found_body("main", platform, one, AT, False, intake._claim) for one in page.snapshots]
    return Row(platform, name, 200, tuple(intake.work()))


def _thing(path: Path) -> dict[str, Any] | None:
    """What an answer of EC-CUBE's API is about; None for pages and errors."""
    data = json.loads(path.read_bytes()).get("data") or {}
    found = re.fullmatch(r"(order|customer)([0-9]+)", next(iter(data), ""))
    return {"entity": found[1], "id": int(found[2])} if found else None


def _called(
    intake: Intake,
    platform: str,
    name: str,
    raw: bytes,
    headers: Mapping[str, str],
    query: Mapping[str, str] | None = None,
) -> Row:
    response = intake.shop(platform, raw, headers, query)
    fates = tuple(intake.work())
    if response["statusCode"] >= 400:
        fates = (Fate("refused", json.loads(response["body"])["message"]),)
    return Row(platform, name, response["statusCode"], fates)


def _brought(name: str, text: str) -> Row:
    if json.loads(text).get("source") == "musubi":
        return _no_call("bus", name, "our own fact: the rule leaves it on the bus")
    return Row("bus", name, 200, tuple(Intake().bus(text)))


def _no_call(system: str, name: str, why: str) -> Row:
    return Row(system, name, 0, (Fate("no call", why),))


def _headers(path: Path) -> dict[str, str]:
    found: dict[str, str] = json.loads(path.with_name(f"{path.stem}.headers.json").read_text(encoding="utf-8"))
    return found


def published_vector(source: str) -> tuple[str, str, str] | None:
    """(key, address, signature) of a signature that Square has published, as a capture's `.source.txt` quotes it."""
    found = [
        re.search(rf"^{what}: (\S+)$", source, re.M)
        for what in ("signature key", "notification URL", "x-square-hmacsha256-signature")
    ]
    key, address, signature = (one[1] if one else "" for one in found)
    return (key, address, signature) if key and address and signature else None


def table(rows: list[Row]) -> str:
    """A line for each file, and the counts by system."""
    lines = [
        f"{row.system:<12} {row.answer or '-':>3} {row.verdict:<22} {row.file:<58} {row.why[:110]}".rstrip()
        for row in rows
    ]
    return "\n".join(lines) + "\n\n" + by_platform(rows)
