"""Every physical name, and the ARNs built from them.

The stateless stack finds tables, bus and bucket by these names instead of by CloudFormation exports: an export
locks the stack that gives it, and a table could then not be replaced or restored without tearing the rest down.
"""

from dataclasses import dataclass

import aws_cdk as cdk

QUEUES = ("line-events", "shop-events", "push", "alert-shards", "log", "imports", "write-back")
"""Work queues; each has a dead-letter queue of the same name with ``-dlq``."""

PEOPLE_INDEXES = ("dates", "member")
WORK_INDEXES = ("open", "person")


@dataclass(frozen=True, slots=True)
class Names:
    """Names of one stage; ARNs are for the account and region that the stack is deployed to."""

    stage: str

    @property
    def prefix(self) -> str:
        """``musubi-dev``: the deployment, also the name of its bus and schedule group."""
        return f"musubi-{self.stage}"

    @property
    def parameters(self) -> str:
        """``/musubi/dev``: the path under which the operator keeps the secrets."""
        return f"/musubi/{self.stage}"

    @property
    def key_parameter(self) -> str:
        """Parameter in which the stateful stack leaves the ARN of the customer's key."""
        return f"{self.parameters}/infra/key-arn"

    def of(self, name: str) -> str:
        """Return the physical name of a table, queue or function: ``of("people")`` is ``musubi-dev-people``."""
        return f"{self.prefix}-{name}"

    def claims_bucket(self) -> str:
        """Return the bucket's name; account and region keep it unique in the world."""
        return f"{self.prefix}-claims-{cdk.Aws.ACCOUNT_ID}-{cdk.Aws.REGION}"

    def history_bucket(self) -> str:
        """Return the name of the bucket that keeps the history."""
        return f"{self.prefix}-history-{cdk.Aws.ACCOUNT_ID}-{cdk.Aws.REGION}"

    def imports_bucket(self) -> str:
        """Return the name of the bucket into which the shop drops tables."""
        return f"{self.prefix}-imports-{cdk.Aws.ACCOUNT_ID}-{cdk.Aws.REGION}"

    def imports_arn(self) -> str:
        """Return the ARN of the imports bucket."""
        return f"arn:{cdk.Aws.PARTITION}:s3:::{self.imports_bucket()}"

    def bus_arn(self) -> str:
        """Return the ARN of our EventBridge bus."""
        return _arn("events", f"event-bus/{self.prefix}")

    def table_arn(self, table: str) -> str:
        """Return the ARN of a table: ``people`` or ``work``."""
        return _arn("dynamodb", f"table/{self.of(table)}")

    def index_arn(self, table: str, index: str) -> str:
        """Return the ARN of one index of a table."""
        return f"{self.table_arn(table)}/index/{index}"

    def claims_arn(self) -> str:
        """Return the ARN of the claims bucket."""
        return f"arn:{cdk.Aws.PARTITION}:s3:::{self.claims_bucket()}"

    def history_arn(self) -> str:
        """Return the ARN of the history's bucket."""
        return f"arn:{cdk.Aws.PARTITION}:s3:::{self.history_bucket()}"

    def fact_secret(self, endpoint: str) -> str:
        """Return the name of the secret that opens an endpoint for facts: ``musubi/dev/facts/<endpoint>``."""
        return f"{self.parameters.removeprefix('/')}/facts/{endpoint}"

    def parameter_arn(self, path: str) -> str:
        """Return the ARN of a secret: ``parameter_arn("line/channel-secret")``."""
        return _arn("ssm", f"parameter{self.parameters}/{path}")

    def queue_arn(self, queue: str) -> str:
        """Return the ARN of a queue by its short name."""
        return _arn("sqs", self.of(queue))

    def schedule_arns(self) -> str:
        """Return the ARN pattern of this deployment's schedules (its own group, so of nobody else's)."""
        return _arn("scheduler", f"schedule/{self.prefix}/*")

    def schedule_group_arn(self) -> str:
        """Return the ARN of the schedule group."""
        return _arn("scheduler", f"schedule-group/{self.prefix}")

    def rule_arn(self, rule: str, bus: str | None = None) -> str:
        """Return the ARN of a rule on our bus, or on another one."""
        return _arn("events", f"rule/{bus or self.prefix}/{self.of(rule)}")

    def account_rule_arn(self, rule: str) -> str:
        """Return the ARN of a rule of ours on the account's own bus, where AWS's services speak."""
        return _arn("events", f"rule/{self.of(rule)}")

    def alarm_arns(self) -> str:
        """Return the ARN pattern of this deployment's alarms."""
        return _arn("cloudwatch", f"alarm:{self.prefix}-*")


def _arn(service: str, resource: str) -> str:
    return f"arn:{cdk.Aws.PARTITION}:{service}:{cdk.Aws.REGION}:{cdk.Aws.ACCOUNT_ID}:{resource}"
