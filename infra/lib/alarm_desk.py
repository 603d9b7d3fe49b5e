"""The one place where alarms are made, so that none can be forgotten by the topic that people read."""

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cw
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from infra.config import LOCAL, StageConfig
from infra.lib.nag import acknowledge
from infra.names import Names


class AlarmDesk(Construct):
    """An encrypted topic, its subscriptions from the stage file, and a factory for alarms that notify it."""

    def __init__(
        self, scope: Construct, construct_id: str, *, config: StageConfig, names: Names, key: kms.IKey | None
    ) -> None:
        super().__init__(scope, construct_id)
        self._names = names
        self.alarms: list[cw.Alarm] = []
        self.topic = sns.Topic(
            self,
            "Topic",
            topic_name=names.of("alarms"),
            display_name=f"musubi {config.stage}",
            master_key=key or self._own_key(names),
            enforce_ssl=not config.plain_http,
        )
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsOfThisDeployment",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[self.topic.topic_arn],
                conditions={"ArnLike": {"aws:SourceArn": names.alarm_arns()}},
            )
        )
        for address in config.alarm_emails:
            subscription = self.topic.add_subscription(subscriptions.EmailSubscription(address))
            acknowledge(
                subscription,
                "Serverless-SNSRedrivePolicy",
                f"Subscription of {address} to {names.of('alarms')}: an alarm about alarm mail would go the same way.",
            )
        if not config.alarm_emails and config.stage != LOCAL:
            cdk.Annotations.of(self).add_warning_v2(
                "musubi:alarms-reach-nobody",
                f"infra/stages/{config.stage}.py names no alarm_emails: the alarms of this stage reach nobody",
            )

    def _own_key(self, names: Names) -> kms.Key:
        # CloudWatch may not use the key that AWS manages for SNS: alarms on such a topic fail without a sound.
        key = kms.Key(
            self,
            "Key",
            description=f"{names.prefix}: alarm topic",
            enable_key_rotation=True,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        key.add_to_resource_policy(alarms_use_key())
        return key

    def alarm(
        self,
        name: str,
        metric: cw.IMetric,
        *,
        why: str,
        threshold: float = 0,
        periods: int = 1,
        silence: bool = False,
    ) -> cw.Alarm:
        """Make an alarm on more than ``threshold``; ``why`` tells the person who reads it at night what broke and where to
        look. With ``silence`` it rings when there is no more than that, or nothing at all.
        """
        alarm = cw.Alarm(
            self,
            "".join(part.title() for part in name.replace("_", "-").split("-")),
            alarm_name=self._names.of(name),
            alarm_description=why,
            metric=metric,
            threshold=threshold,
            evaluation_periods=periods,
            comparison_operator=cw.ComparisonOperator.LESS_THAN_OR_EQUAL_TO_THRESHOLD
            if silence
            else cw.ComparisonOperator.GREATER_THAN_THRESHOLD,
            treat_missing_data=cw.TreatMissingData.BREACHING if silence else cw.TreatMissingData.NOT_BREACHING,
        )
        alarm.add_alarm_action(actions.SnsAction(self.topic))
        self.alarms.append(alarm)
        return alarm


def alarms_use_key() -> iam.PolicyStatement:
    """Let CloudWatch publish to a topic that is encrypted with a key of ours."""
    return iam.PolicyStatement(
        sid="AlarmsPublish",
        principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
        actions=["kms:Decrypt", "kms:GenerateDataKey"],
        resources=["*"],
        conditions={"StringEquals": {"aws:SourceAccount": cdk.Aws.ACCOUNT_ID}},
    )
