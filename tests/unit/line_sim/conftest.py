"""The simulated LINE that these tests share."""

import pytest

from tests.unit.line_sim.rig import Rig


@pytest.fixture
def rig() -> Rig:
    """A fresh LINE with one channel and nobody on it."""
    return Rig()
