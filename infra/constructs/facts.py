"""Facts out: what musubi decided, from our bus to the HTTPS endpoints that the stage names."""

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.config import FactEndpoint
from infra.lib.queues import allow_service, make_last_stop
from infra.lib.site import Site

SOURCE = "musubi"
DEAD_LETTERS = "facts-dlq"


class Facts(Construct):
    """Per endpoint: rule → API destination, with a connection that holds the key; one dead-letter queue for all of them.

    The queue is there without an endpoint too: what an operator lists is the same on every stage.
    """

    def __init__(self, scope: Construct, construct_id: str, *, site: Site) -> None:
        super().__init__(scope, construct_id)
        self._site = site
        self._undelivered = make_last_stop(
            self,
            "DeadLetters",
            site=site,
            name=DEAD_LETTERS,
            why="An endpoint of fact_endpoints refused a fact, or did not take it for a day. Its attributes name the error.",
        )
        endpoints = site.config.fact_endpoints
        if endpoints:
            arns = [site.names.rule_arn(_physical(name)) for name in endpoints]
            allow_service(self._undelivered, "events", arns, sid="FromOurRule")
        for name, endpoint in endpoints.items():
            self._send(name, endpoint)

    def _send(self, name: str, endpoint: FactEndpoint) -> None:
        place = Construct(self, name)
        destination = self._destination(place, name, endpoint)
        rule = events.CfnRule(
            place,
            "Rule",
            name=self._site.names.of(_physical(name)),
            description=f"Facts of musubi to the endpoint {name}",
            event_bus_name=self._site.names.prefix,
            event_pattern={"source": [SOURCE], **({"detail-type": list(endpoint.types)} if endpoint.types else {})},
            targets=[self._target(name, destination, self._role(place, name, destination), self._undelivered)],
        )
        # Without the queue's permission in place a first refusal would be lost.
        rule.node.add_dependency(self._undelivered)

    def _destination(self, place: Construct, name: str, endpoint: FactEndpoint) -> events.CfnApiDestination:
        names = self._site.names
        # A reference, which CloudFormation resolves: the key is in no template. Parameters of SSM it resolves for other
        # resources only, so this one secret is in Secrets Manager.
        key = cdk.SecretValue.secrets_manager(names.fact_secret(name)).unsafe_unwrap()
        connection = events.CfnConnection(
            place,
            "Connection",
            name=names.of(_physical(name)),
            description=f"The key that opens the endpoint {name}",
            authorization_type="API_KEY",
            auth_parameters=events.CfnConnection.AuthParametersProperty(
                api_key_auth_parameters=events.CfnConnection.ApiKeyAuthParametersProperty(
                    api_key_name=endpoint.header, api_key_value=key
                )
            ),
            kms_key_identifier=self._site.key.key_arn if self._site.key else None,
        )
        return events.CfnApiDestination(
            place,
            "Destination",
            name=names.of(_physical(name)),
            description=f"Receiver {name} of musubi's facts",
            connection_arn=connection.attr_arn,
            http_method="POST",
            invocation_endpoint=endpoint.url,
            invocation_rate_limit_per_second=endpoint.per_second,
        )

    def _role(self, place: Construct, name: str, destination: events.CfnApiDestination) -> iam.Role:
        invoke = iam.PolicyStatement(
            sid="Invoke", actions=["events:InvokeApiDestination"], resources=[destination.attr_arn_for_policy]
        )
        # Only this rule may wear the role, or any rule of the account could call the endpoint with its key.
        ours = {"ArnEquals": {"aws:SourceArn": self._site.names.rule_arn(_physical(name))}}
        return iam.Role(
            place,
            "Role",
            assumed_by=iam.ServicePrincipal("events.amazonaws.com", conditions=ours),
            inline_policies={"Literal": iam.PolicyDocument(statements=[invoke])},
        )

    @staticmethod
    def _target(
        name: str, destination: events.CfnApiDestination, role: iam.Role, undelivered: sqs.Queue
    ) -> events.CfnRule.TargetProperty:
        return events.CfnRule.TargetProperty(
            id=name,
            arn=destination.attr_arn,
            role_arn=role.role_arn,
            dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=undelivered.queue_arn),
            retry_policy=events.CfnRule.RetryPolicyProperty(
                maximum_event_age_in_seconds=int(cdk.Duration.days(1).to_seconds()),
                maximum_retry_attempts=185,
            ),
        )


def _physical(name: str) -> str:
    return f"facts-{name}"
