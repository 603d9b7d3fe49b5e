"""Deploy a cloud assembly into the embedded AWS: publish its assets, then create its stacks in order.

The CDK's command line would do the same in ten times the time (measured: see README.md beside this file).
"""

from __future__ import annotations

import json
import os
import tempfile
import time
import zipfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from infra.stages.local import PLATFORMS
from local.endpoints import ROOT
from local.shop.eccube_auth import first_grant
from local.stack.assembly import Asset, Stack
from local.stack.aws import Aws
from local.stack.settings import DEPLOYMENT, PARAM_PREFIX, REGION, SHOP_ID, Settings

_ZIPS = ROOT / ".build" / "assets"
_BOOTSTRAP_VERSION = "30"
_STACK_S = 120.0
_START_S = 30
_EPOCH = (2026, 1, 1, 0, 0, 0)


class DeployFailed(RuntimeError):
    """CloudFormation refused a stack; the message holds the reasons of its resources."""


def put_parameters(aws: Aws, settings: Settings) -> None:
    """Do what the operator does once per stage: store the secrets.

    Also the bootstrap mark that CDK stacks look for.
    """
    aws.ssm.put_parameter(
        Name="/cdk-bootstrap/hnb659fds/version", Value=_BOOTSTRAP_VERSION, Type="String", Overwrite=True
    )
    secrets = {f"{PARAM_PREFIX}/line/channel-secret": settings.channel_secret}
    secrets |= {f"{PARAM_PREFIX}/shops/{SHOP_ID}/{platform}": settings.shop_secret for platform in PLATFORMS}
    secrets[f"{PARAM_PREFIX}/shops/{SHOP_ID}/eccube-api"] = json.dumps(first_grant())
    for name, value in secrets.items():
        aws.ssm.put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True)


def publish(aws: Aws, stacks: Iterable[Stack]) -> int:
    """Upload what the templates refer to; returns the number of uploads."""
    assets = {(asset.bucket, asset.key): asset for stack in stacks for asset in stack.assets}
    for bucket in {bucket for bucket, _ in assets}:
        aws.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda asset: _upload(aws, asset), assets.values()))
    return len(assets)


def _upload(aws: Aws, asset: Asset) -> None:
    path = zipped(asset) if asset.zipped else asset.source
    aws.s3.put_object(Bucket=asset.bucket, Key=asset.key, Body=path.read_bytes())


def zipped(asset: Asset, folder: Path = _ZIPS) -> Path:
    """The asset as a zip, made once per content: the asset's id is the hash of what it holds."""
    target = folder / f"{asset.id}.zip"
    if target.is_file():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=folder, suffix=".draft")
    os.close(handle)
    with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for file in sorted(path for path in asset.source.rglob("*") if path.is_file()):
            info = zipfile.ZipInfo(str(file.relative_to(asset.source)), _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            # Lambda runs as another user: a file without read rights for all would not import there.
            info.external_attr = (0o755 if os.access(file, os.X_OK) else 0o644) << 16
            archive.writestr(info, file.read_bytes())
    Path(draft).replace(target)
    return target


def create(aws: Aws, stack: Stack) -> float:
    """Create one stack and wait for it; returns the seconds it took.

    Raises DeployFailed with every resource's reason.
    """
    began = time.monotonic()
    template = next((asset for asset in stack.assets if asset.source == stack.template.resolve()), None)
    where = (
        {"TemplateURL": f"{aws.url}/{template.bucket}/{template.key}"}
        if template
        else {"TemplateBody": stack.template.read_text(encoding="utf-8")}
    )
    aws.cloudformation.create_stack(
        StackName=stack.name,
        Capabilities=["CAPABILITY_NAMED_IAM"],
        OnFailure="DO_NOTHING",
        **where,  # type: ignore[arg-type]
    )
    while time.monotonic() - began < _STACK_S:
        status = aws.cloudformation.describe_stacks(StackName=stack.name)["Stacks"][0]["StackStatus"]
        if status == "CREATE_COMPLETE":
            return time.monotonic() - began
        if not status.endswith("_IN_PROGRESS"):
            raise DeployFailed(f"stack {stack.name} is {status}:\n{_reasons(aws, stack.name)}")
        time.sleep(0.05)
    raise DeployFailed(f"stack {stack.name} did not finish in {_STACK_S:.0f} s")


def _reasons(aws: Aws, stack: str) -> str:
    """Why the resources of a stack failed, first failure first."""
    events = aws.cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    failed = [event for event in reversed(events) if event.get("ResourceStatus", "").endswith("FAILED")]
    return "\n".join(
        f"  {event.get('LogicalResourceId')} ({event.get('ResourceType')}): {event.get('ResourceStatusReason')}"
        for event in failed
    )


def api_url(aws: Aws, stacks: Iterable[Stack]) -> str:
    """Base URL of the deployed HTTP API in the form that needs no name service."""
    for stack in stacks:
        for resource in aws.cloudformation.describe_stack_resources(StackName=stack.name)["StackResources"]:
            if resource["ResourceType"] == "AWS::ApiGatewayV2::Api":
                return f"{aws.url}/_aws/execute-api/{resource['PhysicalResourceId']}"
    raise DeployFailed("no stack of the assembly holds an HTTP API")


def adjust_functions(aws: Aws, changes: Mapping[str, str], *, only_present: frozenset[str] = frozenset()) -> int:
    """Set environment variables of all our functions.

    Those in `only_present` only where the template has them.

    Needed for what is known only after the deployment (the API's address) and for the fault proxy. Returns
    how many functions were changed.
    """
    changed = 0
    for page in aws.functions.get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            if not function["FunctionName"].startswith(f"{DEPLOYMENT}-"):
                continue
            before = function.get("Environment", {}).get("Variables", {})
            wanted = {name: value for name, value in changes.items() if name not in only_present or name in before}
            if wanted:
                aws.functions.update_function_configuration(
                    FunctionName=function["FunctionName"], Environment={"Variables": {**before, **wanted}}
                )
                changed += 1
    return changed


def shorten_visibility(aws: Aws) -> None:
    """For fault runs: let messages of a crashed function come back soon after its timeout instead of six times that.

    Never below the timeout, which AWS would refuse, nor below what a start of all functions at once may take here: a
    batch that waits for its container would be given to the next one, and after five of them to the dead letters.
    """
    for mapping in aws.functions.list_event_source_mappings()["EventSourceMappings"]:
        queue = mapping["EventSourceArn"].rpartition(":")[2]
        function = mapping["FunctionArn"].rpartition(":")[2]
        timeout = aws.functions.get_function_configuration(FunctionName=function)["Timeout"]
        aws.sqs.set_queue_attributes(
            QueueUrl=aws.queue_url(queue.removeprefix(f"{DEPLOYMENT}-")),
            Attributes={"VisibilityTimeout": str(max(timeout + 1, _START_S))},
        )
