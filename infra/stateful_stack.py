"""The stack that holds what must survive: deployed rarely, deleted never."""

import aws_cdk as cdk
from constructs import Construct

from infra.config import StageConfig
from infra.constructs.data import Data
from infra.names import Names


class StatefulStack(cdk.Stack):
    """Tables, bus, bucket, key."""

    def __init__(
        self, scope: Construct, construct_id: str, *, config: StageConfig, synthesizer: cdk.IStackSynthesizer
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            synthesizer=synthesizer,
            termination_protection=config.termination_protection,
            description=f"musubi {config.stage}: data",
        )
        self.data = Data(self, "Data", config=config, names=Names(config.stage))
