"""Any JSON value whatsoever, and any JSON object that has some of the names a reader looks at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

ANY_TEXT = st.text(st.characters(), max_size=30)
"""Every code point, lone surrogates and controls included."""

SCALARS: st.SearchStrategy[Any] = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**15, max_value=10**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | ANY_TEXT
    | st.sampled_from(["", "2026-02-30", "1900-01-01", "12800.5", "1E+999999", "-0", "¥1,234", "9" * 40])
)
JSON: st.SearchStrategy[Any] = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4), max_leaves=12
)


def objects_with(names: Sequence[str]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects whose keys are mostly `names`, nested a little, with any values."""
    values = st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(names), inner, max_size=5),
        max_leaves=12,
    )
    return st.dictionaries(st.sampled_from(names), values, max_size=len(names))
