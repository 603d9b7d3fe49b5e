"""Writes → DynamoDB requests with conditions, and what DynamoDB's refusal means."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from secrets import token_hex
from typing import TYPE_CHECKING, Any, assert_never

from botocore.exceptions import ClientError

from musubi.adapters import rules
from musubi.adapters.aws import code_of, jittered, retryable
from musubi.adapters.dynamo import codec, keys
from musubi.adapters.rules import Standing
from musubi.domain.errors import Permanent, Retryable
from musubi.domain.store_keys import Key
from musubi.domain.writes import (
    CommitResult,
    Committed,
    Create,
    Drop,
    Put,
    Remove,
    Replace,
    Write,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_REFUSED = "ConditionalCheckFailed"
_PASSING_REASONS = frozenset(
    {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded", "RequestLimitExceeded"}
)
_TRIES = 3
_FIRST_PAUSE_S = 0.05


class Committer:
    """Runs one commit. Several writes are one transaction; a single one is a plain conditional write (half the price)."""

    def __init__(
        self,
        client: DynamoDBClient,
        tables: Mapping[keys.Table, str],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._tables = tables
        self._sleep = sleep

    def commit(self, writes: Sequence[Write]) -> CommitResult:
        """dynamodb:PutItem, dynamodb:DeleteItem"""
        rules.check(writes)
        if not writes:
            return Committed()
        with retryable("commit"):
            if len(writes) == 1:
                return self._single(writes[0])
            return self._transact(writes)

    def _single(self, write: Write) -> CommitResult:
        operation, request = _operation(write, self._tables)
        call = self._client.put_item if operation == "Put" else self._client.delete_item
        try:
            call(**request)
        except ClientError as error:
            _refuse_oversize(error)
            if code_of(error) != "ConditionalCheckFailedException":
                raise
            stored: Any = error.response.get("Item")
            return rules.judge([write], [_standing(write, stored)], _answer_lost(error))
        return Committed()

    def _transact(self, writes: Sequence[Write]) -> CommitResult:
        items = [dict([_operation(write, self._tables)]) for write in writes]
        # One token for this call and all its retries. Not derived from the content: DynamoDB answers a known token with
        # success for ten minutes, so "create, removed by somebody, create again" would be confirmed and not stored.
        token = token_hex(18)
        for attempt in range(_TRIES):
            try:
                self._client.transact_write_items(TransactItems=items, ClientRequestToken=token)  # type: ignore[arg-type]
                return Committed()
            except ClientError as error:
                _refuse_oversize(error)
                if code_of(error) != "TransactionCanceledException":
                    raise
                result = _judge_cancelled(writes, error)
            if result is not None:
                return result
            # Another transaction holds one of the rows for some milliseconds; botocore does not retry this by itself.
            self._sleep(jittered(_FIRST_PAUSE_S * 2**attempt))
        raise Retryable("commit: TransactionConflict")


def _judge_cancelled(writes: Sequence[Write], error: ClientError) -> CommitResult | None:
    """What a cancelled transaction means; None if only passing reasons cancelled it."""
    reasons: list[dict[str, Any]] = error.response.get("CancellationReasons", [])  # type: ignore[assignment]
    codes = {str(reason.get("Code")) for reason in reasons}
    if len(reasons) != len(writes):
        raise error
    if _REFUSED not in codes:
        if codes & _PASSING_REASONS:
            return None
        raise error
    standings = [
        _standing(write, reason.get("Item")) if reason.get("Code") == _REFUSED else Standing.HELD
        for write, reason in zip(writes, reasons, strict=True)
    ]
    return rules.judge(writes, standings, _answer_lost(error))


def _standing(write: Write, stored: Mapping[str, Any] | None) -> Standing:
    """How a write whose condition failed stands; `stored` is ALL_OLD."""
    if isinstance(write, Create | Replace) and stored == codec.encode(write.entity):
        return Standing.MINE
    if isinstance(write, Remove) and not stored:
        return Standing.GONE
    return Standing.OTHER


def _answer_lost(error: ClientError) -> bool:
    """True if botocore sent the request more than once: an earlier one may have been carried out unheard."""
    return error.response.get("ResponseMetadata", {}).get("RetryAttempts", 0) > 0


def _refuse_oversize(error: ClientError) -> None:
    words = str(error.response.get("Error", {}).get("Message", "")).lower()
    if code_of(error) in ("ValidationException", "TransactionCanceledException") and "item size" in words:
        # 400 KB; no later try can succeed. The words are DynamoDB's, the type decides what happens to the record.
        raise Permanent("item larger than DynamoDB takes") from error


def _operation(write: Write, tables: Mapping[keys.Table, str]) -> tuple[str, dict[str, Any]]:
    """(`Put` | `Delete`, its parameters), the same for plain and transactional requests."""
    match write:
        case Create(entity) | Replace(entity) | Put(entity):
            body = {"TableName": _table(entity.key, tables), "Item": codec.encode(entity)}
            return "Put", body | _condition(write)
        case Remove(entity):
            return "Delete", _keyed(entity.key, tables) | _condition(write)
        case Drop(key):
            return "Delete", _keyed(key, tables)
        case _:
            assert_never(write)


def _condition(write: Write) -> dict[str, Any]:
    version = rules.wanted_version(write)
    if version is None:
        return {}
    asked: dict[str, Any] = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    if version == 0:
        return asked | {"ConditionExpression": "attribute_not_exists(pk)"}
    return asked | {
        "ConditionExpression": "#version = :version",
        "ExpressionAttributeNames": {"#version": "version"},
        "ExpressionAttributeValues": {":version": {"N": str(version)}},
    }


def _keyed(key: Key[Any], tables: Mapping[keys.Table, str]) -> dict[str, Any]:
    return {"TableName": _table(key, tables), "Key": codec.primary(key)}


def _table(key: Key[Any], tables: Mapping[keys.Table, str]) -> str:
    return tables[keys.place(key).table]
