"""The bus: facts go out as events of source `musubi`, whose detail carries the id by which receivers dedupe."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from musubi.adapters.aws import retryable
from musubi.domain.errors import Retryable
from musubi.domain.operations import Fact

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef

SOURCE = "musubi"
_ENTRIES = 10
_log = logging.getLogger("musubi.bus")


class EventBridgeBus:
    """Implements `Bus`."""

    ACTIONS: ClassVar[set[str]] = {"events:PutEvents"}

    def __init__(self, client: EventBridgeClient, bus_name: str) -> None:
        self._client = client
        self._bus_name = bus_name

    def publish(self, facts: Sequence[Fact]) -> set[str]:
        """Ids of the facts that the bus took. What it did not take stays planned for the sweeper, so nothing is raised:
        a bus that is down must not fail the event that decided the fact.
        """
        taken: set[str] = set()
        for start in range(0, len(facts), _ENTRIES):
            chunk = facts[start : start + _ENTRIES]
            try:
                with retryable("publish"):
                    answer = self._client.put_events(Entries=[self._entry(fact) for fact in chunk])
            except Retryable as error:
                _log.warning("facts not published", extra={"reason": error.reason, "facts": len(chunk)})
                continue
            for fact, result in zip(chunk, answer["Entries"], strict=True):
                if result.get("EventId"):
                    taken.add(fact.fact_id)
            if answer["FailedEntryCount"]:
                codes = sorted({r["ErrorCode"] for r in answer["Entries"] if "ErrorCode" in r})
                _log.warning("facts refused by the bus", extra={"codes": codes, "facts": answer["FailedEntryCount"]})
        return taken

    def _entry(self, fact: Fact) -> PutEventsRequestEntryTypeDef:
        detail = {**fact.data, "id": fact.fact_id, "occurred_at": fact.occurred_at.isoformat()}
        return {
            "EventBusName": self._bus_name,
            "Source": SOURCE,
            "DetailType": fact.type,
            "Detail": json.dumps(detail, ensure_ascii=False),
            "Time": fact.occurred_at,
        }
