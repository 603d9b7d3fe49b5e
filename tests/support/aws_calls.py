"""What code asks of AWS, as IAM sees it: each request of botocore becomes the actions and resources that it needs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import ConnectTimeoutError

from infra.lib.template import ACCOUNT, REGION

Right = tuple[str, str]
"""(action, ARN)."""

_ITEM_ACTIONS = {
    "Put": "PutItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
    "Update": "UpdateItem",
}
_CHANGES = {"PutItem", "DeleteItem", "TransactWriteItems"}


class AwsCalls:
    """Records the requests of all clients of a boto3 session, made after this, by who makes them.

    A service can be put out of reach, and somebody else can be quicker with a write.
    """

    def __init__(self, session: Any) -> None:
        self.used: defaultdict[str, set[Right]] = defaultdict(set)
        self._by: str | None = None
        self._away: str | None = None
        self._quicker: Callable[[], object] | None = None
        session.events.register("before-parameter-build.*.*", self._before_call)

    @contextmanager
    def by(self, function: str) -> Iterator[None]:
        """What is asked in here, `function` asks."""
        self._by = function
        try:
            yield
        finally:
            self._by = None

    @contextmanager
    def away(self, service: str) -> Iterator[None]:
        """In here nobody reaches `service`."""
        self._away = service
        try:
            yield
        finally:
            self._away = None

    def before_next_write(self, act: Callable[[], object]) -> None:
        """Somebody else does `act` just before the next write to a table."""
        self._quicker = act

    def _before_call(self, params: Mapping[str, Any], model: Any, **_: object) -> None:
        assert self._by is not None, f"{model.name} outside of a function"
        service = model.service_model.service_name
        self.used[self._by] |= rights(service, model.name, params)
        if service == self._away:
            raise ConnectTimeoutError(endpoint_url=service)
        if self._quicker is not None and model.name in _CHANGES:
            act, self._quicker = self._quicker, None
            act()


def rights(service: str, operation: str, params: Mapping[str, Any]) -> set[Right]:
    """The rights that one request takes; one that is not known here takes a right that nobody is ever given."""
    match service, operation:
        case "dynamodb", "BatchGetItem":
            return {("dynamodb:BatchGetItem", _table(name)) for name in params["RequestItems"]}
        case "dynamodb", "TransactWriteItems":
            # Authorised item by item; there is no right of this name.
            return {
                (f"dynamodb:{_ITEM_ACTIONS[kind]}", _table(item["TableName"]))
                for each in params["TransactItems"]
                for kind, item in each.items()
            }
        case "dynamodb", "Query" if "IndexName" in params:
            return {("dynamodb:Query", f"{_table(params['TableName'])}/index/{params['IndexName']}")}
        case "dynamodb", _:
            return {(f"dynamodb:{operation}", _table(params["TableName"]))}
        case "sqs", _:
            # AWS knows no action for a batch: it takes the right for one.
            return {(f"sqs:{operation.removesuffix('Batch')}", _arn("sqs", params["QueueUrl"].rpartition("/")[2]))}
        case "ssm", "GetParameter":
            return {("ssm:GetParameter", _arn("ssm", f"parameter{params['Name']}"))}
        case "s3", "HeadObject":
            # Looking at an object takes the right to read it.
            return {("s3:GetObject", f"arn:aws:s3:::{params['Bucket']}/{params['Key']}")}
        case "s3", "PutObject" | "GetObject":
            return {(f"s3:{operation}", f"arn:aws:s3:::{params['Bucket']}/{params['Key']}")}
        case "events", "PutEvents":
            return {("events:PutEvents", _arn("events", f"event-bus/{e['EventBusName']}")) for e in params["Entries"]}
        case _:
            return {(f"{service}:{operation}", "?")}


def _table(name: str) -> str:
    return _arn("dynamodb", f"table/{name}")


def _arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"
