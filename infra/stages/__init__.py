"""One file per stage, each with a function ``config() -> StageConfig``; a new stage is a new file."""

import importlib
import re

from infra.config import ROOT, ConfigError, StageConfig


def load(stage: str) -> StageConfig:
    """Return the configuration of a stage; raises ConfigError naming the stages that exist."""
    known = sorted(path.stem for path in (ROOT / "infra" / "stages").glob("[a-z]*.py"))
    if not re.fullmatch(r"[a-z][a-z0-9]*", stage) or stage not in known:
        raise ConfigError(f"no stage {stage!r}; infra/stages/ has {', '.join(known)}")
    config: StageConfig = importlib.import_module(f"infra.stages.{stage}").config()
    if config.stage != stage:
        raise ConfigError(f"infra/stages/{stage}.py says stage={config.stage!r}; its name and the file's must agree")
    return config
