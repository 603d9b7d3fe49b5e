"""The table of the benchmark is one that an import takes, and its memory does not follow its length."""

from local import bench_import


def test_a_long_table_takes_no_more_memory_than_a_short_one() -> None:
    found = bench_import.measure(60_000)
    assert (found["rows"], found["events"]) == (60_000, 120_000)
    assert found["growth_mb"] < bench_import.MOST_GROWTH_MB
