"""Reads a synthesised template the way CloudFormation would: references become names, URLs and ARNs.

Used by the documentation generator and by the tests; account and region are stand-ins.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

ACCOUNT = "123456789012"
REGION = "ap-northeast-1"

_PSEUDO = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Region": REGION,
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
}
_NAMED_BY = {
    "AWS::SQS::Queue": ("sqs", "QueueName", "{}"),
    "AWS::Lambda::Function": ("lambda", "FunctionName", "function:{}"),
    "AWS::Logs::LogGroup": ("logs", "LogGroupName", "log-group:{}:*"),
    "AWS::DynamoDB::Table": ("dynamodb", "TableName", "table/{}"),
    "AWS::Events::EventBus": ("events", "Name", "event-bus/{}"),
    "AWS::SNS::Topic": ("sns", "TopicName", "{}"),
    "AWS::CloudWatch::Alarm": ("cloudwatch", "AlarmName", "alarm:{}"),
}


@dataclass(frozen=True)
class Resource:
    """One resource of a template, with its properties resolved."""

    id: str
    type: str
    properties: Mapping[str, Any]
    raw: Mapping[str, Any]


class Template:
    """A synthesised template; ``raw`` is its JSON."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self.raw = raw

    @cached_property
    def resources(self) -> dict[str, Resource]:
        """Return every resource by its logical id."""
        return {
            key: Resource(key, each["Type"], self.resolve(each.get("Properties", {})), each)
            for key, each in self.raw["Resources"].items()
        }

    def of_type(self, kind: str) -> Iterator[Resource]:
        """Yield the resources of one CloudFormation type."""
        return (each for each in self.resources.values() if each.type == kind)

    def resolve(self, value: Any) -> Any:
        """Replace intrinsic functions by what they would become; what cannot be known becomes ``<Id.Attribute>``."""
        if isinstance(value, list):
            return [self.resolve(each) for each in value]
        if not isinstance(value, dict):
            return value
        if set(value) == {"Ref"}:
            return self._reference(value["Ref"])
        if set(value) == {"Fn::GetAtt"}:
            return self._attribute(*value["Fn::GetAtt"])
        if set(value) == {"Fn::Join"}:
            separator, parts = value["Fn::Join"]
            return str(separator).join(str(self.resolve(part)) for part in parts)
        return {key: self.resolve(each) for key, each in value.items()}

    def _reference(self, key: str) -> str:
        if key in _PSEUDO:
            return _PSEUDO[key]
        parameter = self.raw.get("Parameters", {}).get(key)
        if parameter is not None:
            return f"<{parameter.get('Default', key)}>"
        resource = self.raw["Resources"][key]
        name = self._name(resource)
        if resource["Type"] == "AWS::SQS::Queue":
            return f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{name}"
        if resource["Type"] == "AWS::SNS::Topic":
            return self._attribute(key, "Arn")
        return name or f"<{key}>"

    def _attribute(self, key: str, attribute: str) -> str:
        resource = self.raw["Resources"][key]
        name = self._name(resource)
        if attribute in {"QueueName", "TopicName"} and name:
            return name
        if attribute in {"Arn", "TopicArn"} and name:
            service, _, pattern = _NAMED_BY[resource["Type"]]
            return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{pattern.format(name)}"
        return f"<{key}.{attribute}>"

    def _name(self, resource: Mapping[str, Any]) -> str:
        if resource["Type"] not in _NAMED_BY:
            return ""
        name = resource["Properties"].get(_NAMED_BY[resource["Type"]][1], "")
        return str(self.resolve(name))


@dataclass(frozen=True)
class Function:
    """A deployed function: ``name`` is its folder, ``statements`` the whole of what its role may do."""

    name: str
    physical_name: str
    id: str
    env: dict[str, str]
    timeout: int
    memory: int
    reserved: int | None
    role_id: str
    statements: list[dict[str, Any]]
    properties: Mapping[str, Any]


def functions_of(template: Template, prefix: str) -> dict[str, Function]:
    """Return the functions of a stateless template by folder name; ``prefix`` is the deployment, ``musubi-dev``."""
    found = {}
    for resource in template.of_type("AWS::Lambda::Function"):
        properties = resource.properties
        physical = properties["FunctionName"]
        role_id = resource.raw["Properties"]["Role"]["Fn::GetAtt"][0]
        name = physical.removeprefix(f"{prefix}-")
        found[name] = Function(
            name=name,
            physical_name=physical,
            id=resource.id,
            env=dict(properties["Environment"]["Variables"]),
            timeout=properties["Timeout"],
            memory=properties["MemorySize"],
            reserved=properties.get("ReservedConcurrentExecutions"),
            role_id=role_id,
            statements=_statements(template, role_id),
            properties=properties,
        )
    return found


def _statements(template: Template, role_id: str) -> list[dict[str, Any]]:
    statements: list[dict[str, Any]] = []
    for policy in template.resources[role_id].properties.get("Policies", []):
        statements += policy["PolicyDocument"]["Statement"]
    for resource in template.of_type("AWS::IAM::Policy"):
        if {"Ref": role_id} in resource.raw["Properties"].get("Roles", []):
            statements += resource.properties["PolicyDocument"]["Statement"]
    return [{**each, "Action": as_list(each["Action"]), "Resource": as_list(each["Resource"])} for each in statements]


def as_list(value: Any) -> list[Any]:
    """Return a policy element as a list: CloudFormation writes a single one without brackets."""
    return list(value) if isinstance(value, list) else [value]
