"""IAM statements, spelled out: each lists the very actions our adapters call, on the very resources they touch.

The CDK's ``grant_*`` helpers are not used: they add actions nobody calls (Scan, BatchWriteItem, ``index/*``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_iam as iam

from infra.names import Names

READ = ("dynamodb:BatchGetItem",)
QUERY = ("dynamodb:Query",)
SCAN = ("dynamodb:Scan",)
WRITE = ("dynamodb:PutItem",)
REMOVE = ("dynamodb:DeleteItem",)
"""What the store calls; TransactWriteItems is authorised by the actions of its items and needs none of its own."""

WILDCARDS = {
    "DecryptSecrets": "may decrypt the parameters it may read and nothing else: the condition fixes service and "
    "parameter, while the operator chooses the key",
    "PutClaims": "stores large webhook bodies, or exports of people's data, under its own prefix, one object each",
    "WriteHistory": "writes lines under one prefix, each object once, and asks whether one is there",
    "ReadImports": "reads the tables that a shop dropped into the folders of its kinds",
    "WriteReports": "writes one report beside each dropped table",
    "GetClaims": "reads back large webhook bodies under its own prefix, one object per body",
}
"""Statements that cannot list their resources one by one, and why that is safe; nothing else has a wildcard."""

KEY_USE = ("kms:Decrypt", "kms:GenerateDataKey")
KEY_TABLES = (*KEY_USE, "kms:DescribeKey", "kms:Encrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo")


@dataclass(frozen=True, slots=True)
class Grants:
    """Statements for one stage; ``key_arn`` is the customer's key, or None when AWS's own keys encrypt."""

    names: Names
    key_arn: str | None

    def table(self, table: str, actions: Sequence[str]) -> list[iam.PolicyStatement]:
        """Allow item actions on a table."""
        items = _allow(f"Table{table.title()}", actions, [self.names.table_arn(table)])
        return [items, *self._key("Tables", KEY_TABLES, "dynamodb")]

    def indexes(self, table: str, *indexes: str) -> list[iam.PolicyStatement]:
        """Allow querying indexes of a table, listed by name; the table itself stays closed."""
        arns = [self.names.index_arn(table, index) for index in indexes]
        return [_allow(f"Index{table.title()}", QUERY, arns), *self._key("Tables", KEY_TABLES, "dynamodb")]

    def send(self, *queues: str) -> list[iam.PolicyStatement]:
        """Allow sending to the named queues."""
        arns = [self.names.queue_arn(queue) for queue in queues]
        # An encrypted queue needs Decrypt from its producer too: SQS checks the data key it hands out.
        return [_allow("Send", ["sqs:SendMessage"], arns), *self._key("Queues", KEY_USE, "sqs")]

    def put_aside(self, queue: str) -> list[iam.PolicyStatement]:
        """Allow Lambda to put a failed asynchronous invocation into a queue, which it does with the function's role."""
        arn = self.names.queue_arn(queue)
        return [_allow("PutAside", ["sqs:SendMessage"], [arn]), *self._key("Queues", KEY_USE, "sqs")]

    def consume(self, queue: str) -> list[iam.PolicyStatement]:
        """Allow the event source mapping, which polls with the function's role, and handing a record back early."""
        actions = [
            "sqs:ReceiveMessage",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ChangeMessageVisibility",
        ]
        return [_allow("Consume", actions, [self.names.queue_arn(queue)]), *self._key("Queues", KEY_USE, "sqs")]

    def put_claims(self, prefix: str) -> list[iam.PolicyStatement]:
        """Allow storing bodies that are too large for a queue."""
        return self._claims("PutClaims", "s3:PutObject", prefix)

    def get_claims(self, prefix: str) -> list[iam.PolicyStatement]:
        """Allow reading them back."""
        return self._claims("GetClaims", "s3:GetObject", prefix)

    def _claims(self, sid: str, action: str, prefix: str) -> list[iam.PolicyStatement]:
        arn = f"{self.names.claims_arn()}/{prefix}/*"
        return [_allow(sid, [action], [arn]), *self._key("Claims", KEY_USE, "s3")]

    def write_history(self) -> list[iam.PolicyStatement]:
        """Allow writing the history's objects, and asking whether one is there; none can be listed or deleted."""
        arn = f"{self.names.history_arn()}/history/*"
        return [
            _allow("WriteHistory", ["s3:PutObject", "s3:GetObject"], [arn]),
            *self._key("History", KEY_USE, "s3"),
        ]

    def imports(self, folders: Sequence[str]) -> list[iam.PolicyStatement]:
        """Allow reading what lies in the named folders of the imports bucket, and writing reports."""
        bucket = self.names.imports_arn()
        return [
            _allow("ReadImports", ["s3:GetObject"], [f"{bucket}/{folder}/*" for folder in folders]),
            _allow("WriteReports", ["s3:PutObject"], [f"{bucket}/reports/*"]),
            *self._key("Imports", KEY_USE, "s3"),
        ]

    def secrets(self, *paths: str) -> list[iam.PolicyStatement]:
        """Allow reading secrets, and decrypting exactly them, whichever key the operator chose for the parameter."""
        arns = [self.names.parameter_arn(path) for path in paths]
        decrypt = iam.PolicyStatement(
            sid="DecryptSecrets",
            actions=["kms:Decrypt"],
            resources=[f"arn:{cdk.Aws.PARTITION}:kms:{cdk.Aws.REGION}:{cdk.Aws.ACCOUNT_ID}:key/*"],
            conditions={
                "StringEquals": {
                    "kms:ViaService": f"ssm.{cdk.Aws.REGION}.amazonaws.com",
                    "kms:EncryptionContext:PARAMETER_ARN": arns,
                }
            },
        )
        return [_allow("Secrets", ["ssm:GetParameter"], arns), decrypt]

    def keep_secrets(self, *paths: str) -> list[iam.PolicyStatement]:
        """Allow storing secrets anew, by name: an OAuth grant whose refresh token works once.

        No right on a key: they are stored under the account's own key for parameters, whose policy lets its users in.
        """
        return [_allow("KeepSecrets", ["ssm:PutParameter"], [self.names.parameter_arn(path) for path in paths])]

    def publish(self) -> list[iam.PolicyStatement]:
        """Allow putting facts on our bus."""
        return [_allow("Publish", ["events:PutEvents"], [self.names.bus_arn()]), *self._key("Bus", KEY_USE, "events")]

    def logs(self, log_group_arn: str) -> list[iam.PolicyStatement]:
        """Allow writing to one log group (its ARN attribute ends in ``:*``, which stands for its streams)."""
        return [_allow("Logs", ["logs:CreateLogStream", "logs:PutLogEvents"], [log_group_arn])]

    def _key(self, of: str, actions: Sequence[str], service: str) -> list[iam.PolicyStatement]:
        if self.key_arn is None:
            return []
        via = {"StringEquals": {"kms:ViaService": f"{service}.{cdk.Aws.REGION}.amazonaws.com"}}
        return [_allow(f"Key{of}", actions, [self.key_arn], via)]


def _allow(
    sid: str, actions: Sequence[str], resources: Sequence[str], conditions: Mapping[str, object] | None = None
) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        sid=sid, actions=list(actions), resources=list(resources), conditions=dict(conditions or {})
    )


def merged(statements: Sequence[iam.PolicyStatement]) -> list[iam.PolicyStatement]:
    """Drop repeated statements: two grants that touch the same service ask for the same use of the key."""
    seen: list[object] = []
    kept: list[iam.PolicyStatement] = []
    for statement in statements:
        rendered = statement.to_json()
        if rendered not in seen:
            seen.append(rendered)
            kept.append(statement)
    return kept
