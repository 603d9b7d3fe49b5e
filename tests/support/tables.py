"""The two tables as the deployed stack makes them, for in-process tests; tests/infra compares them with the template."""

from __future__ import annotations

from typing import Any

PEOPLE = "musubi-test-people"
WORK = "musubi-test-work"

INDEXES: dict[str, dict[str, tuple[str, str]]] = {
    PEOPLE: {"dates": ("dpk", "dsk"), "member": ("mpk", "msk")},
    WORK: {"open": ("opk", "osk"), "person": ("ppk", "psk")},
}
"""Table → index → (partition key, sort key). All keys are strings, all indexes but KEYS_ONLY project everything."""

KEYS_ONLY = frozenset({"member"})


def schema(table: str) -> dict[str, Any]:
    """The CreateTable request of `table`."""
    indexes = INDEXES[table]
    attributes = ["pk", "sk", *(name for pair in indexes.values() for name in pair)]
    return {
        "TableName": table,
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": _keys("pk", "sk"),
        "AttributeDefinitions": [{"AttributeName": a, "AttributeType": "S"} for a in attributes],
        "GlobalSecondaryIndexes": [
            {"IndexName": name, "KeySchema": _keys(*pair), "Projection": _projection(name)}
            for name, pair in indexes.items()
        ],
    }


def _projection(index: str) -> dict[str, str]:
    return {"ProjectionType": "KEYS_ONLY" if index in KEYS_ONLY else "ALL"}


def create_tables(client: Any) -> None:
    """Both tables, with TTL on `ttl`."""
    for table in (PEOPLE, WORK):
        client.create_table(**schema(table))
        client.update_time_to_live(TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"})


def _keys(partition: str, sort: str) -> list[dict[str, str]]:
    return [
        {"AttributeName": partition, "KeyType": "HASH"},
        {"AttributeName": sort, "KeyType": "RANGE"},
    ]
