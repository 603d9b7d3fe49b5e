"""The rule packs that every synthesis must pass, and the one way to disagree with a rule."""

import aws_cdk as cdk
import cdk_nag
from constructs import Construct, IConstruct


def add_rule_packs(app: cdk.App) -> None:
    """Make ``synth`` fail on a violation of the AwsSolutions or Serverless pack."""
    cdk.Validations.of(app).add_plugins(cdk_nag.AwsSolutionsChecks(app), cdk_nag.ServerlessChecks(app))


def acknowledge(resource: IConstruct, rule: str, reason: str) -> None:
    """Disagree with one rule on one resource; the reason names the resource and why it is safe there."""
    cdk.Validations.of(resource).acknowledge(cdk.Acknowledgment(id=f"{rule.partition('-')[0]}::{rule}", reason=reason))


def finding(scope: Construct, resource: str) -> str:
    """Return the id of a wildcard finding on an ARN; the rule pack writes what is not known yet as ``<AWS::Region>``."""
    resolved = cdk.Stack.of(scope).resolve(resource)
    parts = resolved["Fn::Join"][1] if isinstance(resolved, dict) else [resolved]
    text = "".join(part if isinstance(part, str) else f"<{part['Ref']}>" for part in parts)
    return f"AwsSolutions-IAM5[Resource::{text}]"
