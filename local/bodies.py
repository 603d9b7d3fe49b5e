"""`make bodies`: every body of `events/`, and of a folder of captures (PAYLOADS=…), through its endpoint on a local stack.

From outside only: signed HTTP calls, the bus, a dropped table, the functions' own logs. The stack is its own and is taken
down again, for some bodies ask for a shop's erasure. What is signed is signed anew: signatures grow old, and this machine has
another address. Exits 1 if a call was answered 5xx or a record was left over.
"""

from __future__ import annotations

import base64
import json
import re
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import httpx

from local.endpoints import ROOT, Endpoints
from local.line.signing import sign
from local.shop.signing import vendor_proof
from local.stack.aws import Aws
from local.stack.settings import DEPLOYMENT, Settings, from_environment
from local.stack.up import down, up
from local.story import Story

EVENTS = ROOT / "events"
PATIENCE_S = 60.0
_LOOK_EVERY_S = 0.05
_PROOF = re.compile(r"webhook-.*|.*signature|.*hmac.*|x-musubi-token|host", re.IGNORECASE)
"""Headers that are made anew for this stack."""

_WORDS = {"record quarantined": "quarantined", "record handed back": "waits", "record crashed": "crashed"}
_FUNCTIONS = {"push": "push_sender", "alert-shards": "alert_shard", "log": "log_writer", "imports": "import_file"}
"""Who works a queue off; the others bear its name."""


class LeftOver(RuntimeError):
    """A record was neither done nor set aside in time; the message names the file."""


@dataclass(frozen=True)
class Fate:
    """What became of one file. `answer` is what its call got: an HTTP status, or 0 where nobody calls with it. `whats` and
    `whys` are of each record that it brought; a table's rows are `accepted` or `set aside`.
    """

    system: str
    file: str
    answer: int
    whats: tuple[str, ...]
    whys: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """`accepted`, `unread`, `quarantined`, `waits` or `refused`; several of them if its events differ."""
        if not self.answer:
            return "no call"
        if self.answer >= 400:
            return "refused"
        return " + ".join(sorted(set(self.whats))) or "nothing in it"


@dataclass
class Intake:
    """One stack's endpoints. `seen` are the log lines that belong to earlier files."""

    endpoints: Endpoints
    settings: Settings
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=60), repr=False)
    seen: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.aws = Aws.of(self.endpoints)
        self.began_ms = round(time.time() * 1000)

    # what has an endpoint

    def shop(self, platform: str, name: str, raw: bytes, headers: Mapping[str, str]) -> Fate:
        """A webhook call of a shop system, proven anew."""
        path = f"/shops/{self.endpoints.shop_id}/{platform}"
        stamp = round(time.time())
        proof, query = vendor_proof(
            platform, self.settings.shop_secret, raw, self.endpoints.api + path, uuid.uuid4().hex, stamp
        )
        given = {key.lower(): value for key, value in headers.items() if not _PROOF.fullmatch(key)}
        answer = self.http.post(
            self.endpoints.api + path,
            content=raw,
            params=query,
            headers={"content-type": "application/json", **given, **proof},
        )
        return self._followed(platform, name, answer, "shop_events", None)

    def line(self, name: str, raw: bytes, headers: Mapping[str, str]) -> Fate:
        """A webhook call of LINE's."""
        proof = {"content-type": "application/json", "x-line-signature": sign(self.settings.channel_secret, raw)}
        answer = self.http.post(f"{self.endpoints.api}/line/webhook", content=raw, headers=proof)
        return self._followed("line", name, answer, "line_events", len(json.loads(raw)["events"]))

    def gateway(self, name: str, event: Mapping[str, Any]) -> Fate:
        """What API Gateway hands over, as the call that it stands for."""
        body = event["body"]
        raw = base64.b64decode(body) if event["isBase64Encoded"] else body.encode()
        if event["rawPath"] == "/line/webhook":
            return replace(self.line(name, raw, event["headers"]), system="aws")
        platform = event["rawPath"].rpartition("/")[2]
        return replace(self.shop(platform, name, raw, event["headers"]), system="aws")

    def bus(self, name: str, envelope: Mapping[str, Any]) -> Fate:
        """An event on our bus; locally Shopify's partner source speaks there too."""
        if str(envelope["source"]).startswith("aws."):
            # Only AWS speaks under such a name, and the embedded one keeps to that: this is what the partner's rule hands over.
            queue = self.aws.queue_url("shop-events")
            self.aws.sqs.send_message(QueueUrl=queue, MessageBody=json.dumps(envelope))
            return self._collected("bus", name, 200, "shop_events", 1)
        named = {"Source": envelope["source"], "DetailType": envelope["detail-type"], "EventBusName": DEPLOYMENT}
        entry: Any = {**named, "Detail": json.dumps(envelope["detail"])}
        put = self.aws.events.put_events(Entries=[entry])
        if put["FailedEntryCount"]:
            return Fate("bus", name, 400, (), (put["Entries"][0].get("ErrorCode", "refused"),))
        self._emptied("shop-events", name)
        found = self._collected("bus", name, 200, "shop_events", 0)
        return found if found.whats else replace(found, whys=("no rule takes it",))

    def table(self, name: str, path: Path) -> Fate:
        """A table dropped into the bucket by command, and its report."""
        kind = path.name.partition("_")[0].partition(".")[0]
        sent = Story(self.endpoints, self.settings.home).musubi("import", kind, str(path))
        end = time.monotonic() + PATIENCE_S
        while not (found := self.aws.s3.list_objects_v2(Bucket=sent["bucket"], Prefix=sent["report"]).get("Contents")):
            if time.monotonic() > end:
                raise LeftOver(f"{name}: no report after {PATIENCE_S:.0f} s")
            time.sleep(_LOOK_EVERY_S)
        report = json.loads(self.aws.s3.get_object(Bucket=sent["bucket"], Key=found[0]["Key"])["Body"].read())
        self._emptied("shop-events", name)
        self._collected("csv", name, 200, "shop_events", 0)
        whats = ["accepted"] if report["taken"] else []
        whats += ["set aside"] if report["refused"] or report["state"] == "refused" else []
        return Fate("csv", name, 200, tuple(whats), (f"{report['taken']} rows taken, {report['refused']} set aside",))

    def invoked(self, system: str, name: str, function: str, event: Mapping[str, Any]) -> Fate:
        """What a schedule or a queue hands to a function."""
        done = self.aws.functions.invoke(FunctionName=f"{DEPLOYMENT}-{function}", Payload=json.dumps(event).encode())
        said = json.loads(done["Payload"].read() or b"null")
        if "FunctionError" in done:
            return Fate(system, name, 400, (), (str(said.get("errorMessage", said)),))
        if "Records" not in event:
            return Fate(system, name, 200, ("accepted",), (str(said.get("reason", "")),))
        late = {one["itemIdentifier"] for one in said["batchItemFailures"]}
        whats, whys = zip(*self._lines_of(function, {one["messageId"] for one in event["Records"]}), strict=True)
        return Fate(system, name, 200, (*whats, *(["waits"] if late else [])), whys)

    # what became of it

    def _followed(self, system: str, name: str, answer: httpx.Response, function: str, count: int | None) -> Fate:
        if answer.status_code >= 400:
            return Fate(system, name, answer.status_code, (), (str(answer.json().get("message", "")),))
        expected = answer.json().get("accepted", 0) if count is None else count
        return self._collected(system, name, answer.status_code, function, expected)

    def _emptied(self, queue: str, name: str) -> None:
        """Wait until a queue holds nothing, twice in a row: it looks empty between two messages too."""
        counts: list[Any] = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        end, quiet = time.monotonic() + PATIENCE_S, 0
        while quiet < 2:
            found = self.aws.sqs.get_queue_attributes(QueueUrl=self.aws.queue_url(queue), AttributeNames=counts)
            quiet = 0 if any(int(found["Attributes"][count]) for count in counts) else quiet + 1
            if time.monotonic() > end:
                raise LeftOver(f"{name}: {queue} is not empty after {PATIENCE_S:.0f} s")
            time.sleep(_LOOK_EVERY_S)

    def _collected(self, system: str, name: str, status: int, function: str, expected: int) -> Fate:
        """The fates of the `expected` records that this call has put on the worker's queue: no others are under way."""
        end = time.monotonic() + PATIENCE_S
        while True:
            lines = [line for line in self._logged(function) if line["message_id"] not in self.seen]
            found = {line["message_id"] for line in lines}
            if len(found) >= expected:
                break
            if time.monotonic() > end:
                raise LeftOver(f"{name}: {len(found)} of {expected} records after {PATIENCE_S:.0f} s")
            time.sleep(_LOOK_EVERY_S)
        self.seen |= found
        return Fate(system, name, status, tuple(map(_what, lines)), tuple(line["reason"] for line in lines))

    def _lines_of(self, function: str, messages: set[str]) -> list[tuple[str, str]]:
        lines = [line for line in self._logged(function) if line["message_id"] in messages]
        self.seen |= messages
        return [(_what(line), line["reason"]) for line in lines] or [("accepted", "")]

    def _logged(self, function: str) -> list[dict[str, Any]]:
        pages = self.aws.logs.get_paginator("filter_log_events").paginate(
            logGroupName=f"/aws/lambda/{DEPLOYMENT}-{function}", startTime=self.began_ms
        )
        return [line for page in pages for one in page["events"] if (line := _record(one["message"]))]


def _record(message: str) -> dict[str, Any] | None:
    """A worker's line about one record."""
    try:
        line = json.loads(message)
    except ValueError:
        return None
    return {"reason": "", **line} if isinstance(line, dict) and "message_id" in line else None


def _what(line: Mapping[str, Any]) -> str:
    if line["message"] in _WORDS:
        return _WORDS[line["message"]]
    return "unread" if any(name.endswith("EventsUnread") for name in line) else "accepted"


def samples(intake: Intake, folder: Path = EVENTS) -> Iterator[Fate]:
    """Every sample file that somebody calls with; the others are named, with who hands them over."""
    for path in sorted(folder.rglob("*.json")):
        name = path.relative_to(folder).as_posix()
        raw = path.read_bytes()
        match path.relative_to(folder).parts[:-1]:
            case _ if path.name.endswith(".headers.json"):
                continue
            case ("shop", platform):
                yield intake.shop(platform, name, raw, _headers(path))
            case ("line",):
                yield intake.line(name, raw, _headers(path))
            case ("bus",):
                yield intake.bus(name, json.loads(raw))
            case ("aws",) if path.name.startswith("http_api"):
                yield intake.gateway(name, json.loads(raw))
            case ("aws",):
                event = json.loads(raw)
                queue = event["Records"][0]["eventSourceARN"].rpartition(":")[2].split("-", 2)[2]
                yield intake.invoked("aws", name, _FUNCTIONS.get(queue, queue.replace("-", "_")), event)
            case ("schedule",):
                yield intake.invoked("schedule", name, "daily_alerts", json.loads(raw))
            case (kind, *_):
                yield Fate(kind, name, 0, (), ("what a shop answers that is asked",))
    for path in sorted((folder / "csv").iterdir()):
        yield intake.table(path.relative_to(folder).as_posix(), path)


def captures(intake: Intake, folder: Path) -> Iterator[Fate]:
    """Every body of a folder `<system>/<topic>.json`: other systems' real bodies, with the topic that the file's name says."""
    opened = {path.name for path in (EVENTS / "shop").iterdir()}
    for path in sorted(folder.glob("*/*.json")):
        system, name, raw = path.parent.name, path.relative_to(folder).as_posix(), path.read_bytes()
        if system.startswith("shopify-event"):
            yield intake.bus(name, json.loads(raw))
        elif system in opened and not (system == "eccube" and not path.name.startswith("webhook")):
            kind = "application/cloudevents+json" if system == "cloudevents" else "application/json"
            yield intake.shop(system, name, raw, {"content-type": kind, **topic(system, path.stem)})
        else:
            yield Fate(system, name, 0, (), ("this system is asked, it does not call",))


def topic(system: str, stem: str) -> dict[str, str]:
    """The topic header that a capture's name stands for: `orders.create`, `order.jpy.1001` (an order as REST shows it)."""
    thing, _, rest = stem.partition(".")
    verb = rest.partition(".")[0]
    if system == "shopify":
        return {"x-shopify-topic": "orders/create" if thing == "order" else f"{thing}/{verb}"}
    if system == "woocommerce":
        return {"x-wc-webhook-topic": f"{thing}.{verb}"}
    return {}


def _headers(path: Path) -> dict[str, str]:
    found: dict[str, str] = json.loads(path.with_name(f"{path.stem}.headers.json").read_text(encoding="utf-8"))
    return found


def table(fates: Sequence[Fate]) -> str:
    """A line for each file, and the counts by platform."""
    lines = [
        f"{one.system:<12} {one.answer or '-':>3} {one.verdict:<22} {one.file:<58} {'; '.join(dict.fromkeys(one.whys))[:110]}"
        for one in fates
    ]
    return "\n".join(line.rstrip() for line in lines) + "\n\n" + by_platform(fates)


class Judged(Protocol):
    """A file and what became of it."""

    @property
    def system(self) -> str: ...
    @property
    def verdict(self) -> str: ...


def by_platform(fates: Sequence[Judged]) -> str:
    """How many files of each platform ended how."""
    verdicts = sorted({one.verdict for one in fates})
    lines = [" " * 12 + "".join(f"{verdict:>24}" for verdict in verdicts)]
    for system in sorted({one.system for one in fates}):
        counted = Counter(one.verdict for one in fates if one.system == system)
        lines.append(f"{system:<12}" + "".join(f"{counted[verdict] or '.':>24}" for verdict in verdicts))
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str]) -> int:
    """Print the table; 1 if anything was answered 5xx or broke a worker."""
    settings = from_environment()
    settings = replace(settings, home=settings.home / "bodies")
    folder = arguments[0] if arguments else ""
    fates: list[Fate] = []
    try:
        intake = Intake(up(settings), settings)
        fates.extend(samples(intake))
        fates.extend(captures(intake, Path(folder)) if folder else ())
    finally:
        sys.stdout.write(table(fates))
        down(settings.home)
    return 1 if any(one.answer >= 500 or "crashed" in one.verdict for one in fates) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
