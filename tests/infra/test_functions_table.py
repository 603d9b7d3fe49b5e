"""``functions/README.md`` says what is deployed."""

from infra.functions_table import README, render
from tests.infra.conftest import FUNCTIONS, Synthesised


def test_the_table_is_the_template(prod: Synthesised) -> None:
    written = README.read_text(encoding="utf-8")
    assert written == render(prod.stateless), "run `python -m infra.functions_table`"


def test_every_function_has_a_row_with_source_and_rights(prod: Synthesised) -> None:
    rows = [line.split(" | ") for line in render(prod.stateless).splitlines() if line.startswith("| `")]
    assert {row[0].strip("| `") for row in rows} == set(FUNCTIONS)
    for row in rows:
        assert all(cell.strip() for cell in row), row
