"""Data: the two tables, the bus, the buckets (large bodies, history, dropped tables), and the key that may encrypt them."""

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from infra.config import StageConfig
from infra.lib.alarm_desk import alarms_use_key
from infra.lib.nag import acknowledge
from infra.names import PEOPLE_INDEXES, WORK_INDEXES, Names

_INDEX_KEYS = {"dates": ("dpk", "dsk"), "member": ("mpk", "msk"), "open": ("opk", "osk"), "person": ("ppk", "psk")}

_KEYS_ONLY = frozenset({"member"})
"""Written when an order or a cart gets its member, and never again: changes of the rest cost nothing there."""


class Data(Construct):
    """Everything that outlives a deployment of the code."""

    def __init__(self, scope: Construct, construct_id: str, *, config: StageConfig, names: Names) -> None:
        super().__init__(scope, construct_id)
        self._config = config
        self._names = names
        self._removal = cdk.RemovalPolicy.RETAIN if config.keep_data else cdk.RemovalPolicy.DESTROY
        self.key = self._key() if config.customer_managed_key else None
        self.people = self._table("People", "people", PEOPLE_INDEXES)
        self.work = self._table("Work", "work", WORK_INDEXES)
        self.bus = events.EventBus(
            self,
            "Bus",
            event_bus_name=names.prefix,
            description=f"musubi {config.stage}: shop events in, facts out",
            kms_key=self.key,
        )
        self.bus.apply_removal_policy(self._removal)
        self.claims = self._claims()
        self.history = self._history()
        self.imports = self._imports()

    def _table(self, construct_id: str, name: str, indexes: tuple[str, ...]) -> dynamodb.Table:
        table = dynamodb.Table(
            self,
            construct_id,
            table_name=self._names.of(name),
            partition_key=_string("pk"),
            sort_key=_string("sk"),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            time_to_live_attribute="ttl",
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=self._config.point_in_time_recovery
            ),
            deletion_protection=self._config.deletion_protection,
            removal_policy=self._removal,
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED if self.key else None,
            encryption_key=self.key,
        )
        for index in indexes:
            partition, sort = _INDEX_KEYS[index]
            table.add_global_secondary_index(
                index_name=index,
                partition_key=_string(partition),
                sort_key=_string(sort),
                projection_type=dynamodb.ProjectionType.KEYS_ONLY
                if index in _KEYS_ONLY
                else dynamodb.ProjectionType.ALL,
            )
        if not self._config.point_in_time_recovery:
            acknowledge(
                table,
                "AwsSolutions-DDB3",
                f"Table {name} of stage {self._config.stage} holds invented people only and may be lost.",
            )
        return table

    def _claims(self) -> s3.Bucket:
        return self._bucket(
            "Claims",
            self._names.claims_bucket(),
            why_no_access_log="holds webhook bodies for a month that two functions write and two read, by derived key; "
            "access logs would be a second copy of who ordered when.",
            rule=s3.LifecycleRule(
                id="forget",
                expiration=cdk.Duration.days(self._config.claims_days),
                abort_incomplete_multipart_upload_after=cdk.Duration.days(1),
            ),
        )

    def _history(self) -> s3.Bucket:
        days = self._config.history_days
        return self._bucket(
            "History",
            self._names.history_bucket(),
            why_no_access_log="is written by one function, each object once, and read by the shop's own people, whose "
            "reads CloudTrail can record; it holds ids and no personal data.",
            # Objects are never written again: an older version is one that somebody removed by hand, and may want back.
            versioned=True,
            rule=s3.LifecycleRule(
                id="keep",
                expiration=cdk.Duration.days(days) if days else None,
                noncurrent_version_expiration=cdk.Duration.days(30),
                abort_incomplete_multipart_upload_after=cdk.Duration.days(1),
            ),
        )

    def _imports(self) -> s3.Bucket:
        return self._bucket(
            "Imports",
            self._names.imports_bucket(),
            why_no_access_log="holds a shop's tables for a month, which one function reads, and their reports; who dropped "
            "or read one CloudTrail can record.",
            # To the account's own bus, not to a queue: the queue belongs to the other stack, which comes later.
            tells=True,
            rule=s3.LifecycleRule(
                id="forget",
                expiration=cdk.Duration.days(self._config.imports_days),
                abort_incomplete_multipart_upload_after=cdk.Duration.days(1),
            ),
        )

    def _bucket(
        self,
        construct_id: str,
        name: str,
        *,
        rule: s3.LifecycleRule,
        why_no_access_log: str,
        versioned: bool | None = None,
        tells: bool = False,
    ) -> s3.Bucket:
        bucket = s3.Bucket(
            self,
            construct_id,
            bucket_name=name,
            versioned=versioned,
            encryption=s3.BucketEncryption.KMS if self.key else s3.BucketEncryption.S3_MANAGED,
            encryption_key=self.key,
            bucket_key_enabled=True if self.key else None,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=not self._config.plain_http,
            lifecycle_rules=[rule],
            removal_policy=self._removal,
        )
        if tells:
            # As a property. The CDK's own switch would deploy a function with rights on all buckets to set it.
            resource = bucket.node.default_child
            assert isinstance(resource, s3.CfnBucket)
            resource.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
                event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
            )
        if self._config.plain_http:
            acknowledge(
                bucket,
                "AwsSolutions-S10",
                f"Bucket {construct_id} of stage {self._config.stage} lives in the embedded AWS, "
                "which listens on this machine only.",
            )
        acknowledge(bucket, "AwsSolutions-S1", f"Bucket {construct_id} {why_no_access_log}")
        return bucket

    def _key(self) -> kms.Key:
        key = kms.Key(
            self,
            "Key",
            alias=self._names.prefix,
            description=f"musubi {self._config.stage}: tables, queues, bus, buckets, logs, alarms, keys of endpoints",
            enable_key_rotation=True,
            removal_policy=self._removal,
        )
        # EventBridge uses a customer's key for the secrets of its connections only where it carries this mark.
        cdk.Tags.of(key).add("EventBridgeApiDestinations", "true")
        for statement in self._key_users():
            key.add_to_resource_policy(statement)
        ssm.StringParameter(
            self,
            "KeyArn",
            parameter_name=self._names.key_parameter,
            string_value=key.key_arn,
            description="Read by the stateless stack when it is deployed",
        )
        return key

    def _key_users(self) -> list[iam.PolicyStatement]:
        """Return what AWS's services need that act by themselves, not in a role of ours (the bus adds its own use)."""
        here = {"aws:SourceAccount": cdk.Aws.ACCOUNT_ID}
        use = ["kms:Decrypt", "kms:GenerateDataKey"]
        logs = f"arn:{cdk.Aws.PARTITION}:logs:{cdk.Aws.REGION}:{cdk.Aws.ACCOUNT_ID}:log-group:/aws/*"
        return [
            # The bus puts events into encrypted queues, and what it cannot deliver into an encrypted dead-letter queue.
            _service("RulesSend", "events.amazonaws.com", use, {"StringEquals": here}),
            _service("SchedulesSend", "scheduler.amazonaws.com", use, {"StringEquals": here}),
            alarms_use_key(),
            _service(
                "LogsEncrypt",
                f"logs.{cdk.Aws.REGION}.amazonaws.com",
                [
                    "kms:Encrypt",
                    "kms:Decrypt",
                    "kms:ReEncryptFrom",
                    "kms:ReEncryptTo",
                    "kms:GenerateDataKey",
                    "kms:GenerateDataKeyWithoutPlaintext",
                    "kms:DescribeKey",
                ],
                {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": logs}},
            ),
        ]


def _service(sid: str, principal: str, actions: list[str], conditions: dict[str, object]) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        sid=sid,
        principals=[iam.ServicePrincipal(principal)],
        actions=actions,
        resources=["*"],
        conditions=conditions,
    )


def _string(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
