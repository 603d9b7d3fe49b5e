"""OAuth 2 access tokens of shops that only give the authorization-code grant (EC-CUBE's Web API plugin, ec-platforms §2.3).

The operator grants access once in a browser and stores what came of it as one SSM parameter; from then on this keeps it
alive. Servers rotate refresh tokens and end the old access token with them, so the grant is shared: the parameter holds
the running access token too, one worker at a time renews it (a lease in the work table), and what it got is stored before
anybody uses it. A parameter has no conditional write: the lease is what keeps two workers apart, and it outlasts every
call made under it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Protocol
from urllib.parse import urlencode

from botocore.exceptions import BotoCoreError, ClientError

from musubi.adapters.aws import code_of, retryable
from musubi.adapters.dynamo.keys import grant_lease
from musubi.adapters.shops.http import Answer, Http, TooLarge
from musubi.domain.errors import Retryable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_ssm import SSMClient

MARGIN = timedelta(seconds=60)
"""A token is renewed this long before it ends."""

LEASE = timedelta(seconds=60)
"""Longer than a renewal takes (8 s for the shop, 13 s for SSM at worst). It is never given back: where a renewal failed,
the next worker waits for its end, so that a shop in trouble is asked once a minute."""

DEFAULT_LIFE_S = 3600
NOT_GRANTED_S = 300
_WAIT_S = 3

_log = logging.getLogger("musubi.shops.oauth")


@dataclass(frozen=True)
class Grant:
    """What the parameter holds. The two tokens and the client's secret appear in no `repr`, hence in no log."""

    client_id: str
    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)
    access_token: str | None = field(default=None, repr=False)
    ends_at: datetime | None = None
    redirect_uri: str | None = None
    """Sent along where it is there: some shops (BASE) may ask for it [?]."""

    def good(self, now: datetime, refused: str | None) -> str | None:
        """The access token if it can still be used."""
        if self.access_token is None or self.ends_at is None or now >= self.ends_at - MARGIN:
            return None
        return None if self.access_token == refused else self.access_token


class Grants(Protocol):
    """Where a grant is kept."""

    def read(self) -> Grant: ...

    def keep(self, grant: Grant) -> None: ...


class Lease(Protocol):
    def __call__(self, now: datetime, until: datetime) -> bool:
        """True for the one worker that may renew until `until`."""
        ...


class SsmGrant:
    """A grant in the SecureString `<prefix>/shops/<shop>/<platform>-api`, as JSON.

    Stored without a key id: the parameter stays under the account's own key for parameters (`aws/ssm`).
    """

    ACTIONS: ClassVar[set[str]] = {"ssm:GetParameter", "ssm:PutParameter"}

    def __init__(self, client: SSMClient, name: str) -> None:
        self._client = client
        self._name = name

    def read(self) -> Grant:
        """The grant as it is stored now. Raises Retryable when there is none or it can not be read: its records are not
        to blame, and the dead letters can be redriven once it is mended.
        """
        with retryable("shop grant"):
            try:
                answer = self._client.get_parameter(Name=self._name, WithDecryption=True)
            except ClientError as error:
                if code_of(error) == "ParameterNotFound":
                    raise self._unusable("no such parameter") from None
                raise
        try:
            return _grant(json.loads(answer["Parameter"]["Value"]))
        except (ValueError, KeyError, TypeError):
            raise self._unusable("not a grant") from None

    def keep(self, grant: Grant) -> None:
        """Store a renewed grant. Raises what boto raises."""
        # More than 4 KB (two long tokens) make it an advanced parameter; below, it stays a free one.
        self._client.put_parameter(
            Name=self._name,
            Value=_document(grant),
            Type="SecureString",
            Overwrite=True,
            Tier="Intelligent-Tiering",
        )

    def _unusable(self, why: str) -> Retryable:
        _log.error("shop grant unusable", extra={"parameter": self._name, "why": why})
        return Retryable(f"shop grant: {why}", after_s=NOT_GRANTED_S)


class DynamoLease:
    """Who may renew a shop's grant, as one row of the work table. Machine time."""

    ACTIONS: ClassVar[set[str]] = {"dynamodb:PutItem"}

    def __init__(self, client: DynamoDBClient, work_table: str, shop_id: str, platform: str) -> None:
        self._client = client
        self._table = work_table
        self._place = grant_lease(shop_id, platform)

    def __call__(self, now: datetime, until: datetime) -> bool:
        item = {
            "pk": {"S": self._place.pk},
            "sk": {"S": self._place.sk},
            "until": {"N": str(until.timestamp())},
        }
        try:
            with retryable("grant lease"):
                self._client.put_item(
                    TableName=self._table,
                    Item=item,
                    ConditionExpression="attribute_not_exists(pk) OR #until <= :now",
                    ExpressionAttributeNames={"#until": "until"},
                    ExpressionAttributeValues={":now": {"N": str(now.timestamp())}},
                )
        except ClientError as error:
            if code_of(error) == "ConditionalCheckFailedException":
                return False
            raise
        return True


class Tokens:
    """The access token of one shop: implements `source.Bearer`. `now` is machine time."""

    def __init__(
        self, grants: Grants, lease: Lease, http: Callable[[], Http], token_path: str, now: Callable[[], datetime]
    ) -> None:
        self._grants = grants
        self._lease = lease
        self._http = http
        self._token_path = token_path
        self._now = now
        self._held: Grant | None = None
        self._unkept = False

    def __call__(self, refused: str | None = None) -> str:
        if self._unkept:
            self._keep()
        held = self._held.good(self._now(), refused) if self._held else None
        return held or self._shared(refused) or self._renew(refused)

    def _shared(self, refused: str | None) -> str | None:
        """What another worker may have got meanwhile."""
        if self._unkept:
            return None
        self._held = self._grants.read()
        return self._held.good(self._now(), refused)

    def _renew(self, refused: str | None) -> str:
        now = self._now()
        if not self._lease(now, now + LEASE):
            raise Retryable("shop grant: another worker renews it", after_s=_WAIT_S)
        # Between our look and our lease somebody may have renewed it, and the refresh token we saw is spent.
        if (token := self._shared(refused)) is not None:
            return token
        assert self._held is not None
        self._held = self._asked(self._held)
        self._unkept = True
        self._keep()
        assert self._held.access_token is not None
        return self._held.access_token

    def _asked(self, grant: Grant) -> Grant:
        form = {
            "grant_type": "refresh_token",
            "client_id": grant.client_id,
            "client_secret": grant.client_secret,
            "refresh_token": grant.refresh_token,
        }
        if grant.redirect_uri is not None:
            form["redirect_uri"] = grant.redirect_uri
        asked_at = self._now()
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        try:
            answer = self._http().request("POST", self._token_path, urlencode(form).encode(), headers)
        except TooLarge:
            raise Retryable("shop token: answer too large", after_s=NOT_GRANTED_S) from None
        return _renewed(grant, answer, asked_at)

    def _keep(self) -> None:
        """Store what was got. When SSM does not take it, this process goes on with it and stores it before its next use:
        the refresh token that is stored may be spent already.
        """
        assert self._held is not None
        try:
            self._grants.keep(self._held)
        except (BotoCoreError, ClientError) as error:
            _log.error("shop grant not stored", extra={"error": code_of(error)})
            return
        self._unkept = False


def _renewed(grant: Grant, answer: Answer, asked_at: datetime) -> Grant:
    """`grant` with what the token endpoint said (RFC 6749 §5); the refresh token stays unless a new one came."""
    document = _object(answer.body)
    if answer.status in (400, 401, 403):
        _log.error("shop grant refused: grant access anew", extra={"status": answer.status})
        raise Retryable("shop grant: refused, grant access anew", after_s=NOT_GRANTED_S)
    access = document.get("access_token")
    if answer.status != 200 or not isinstance(access, str) or not access:
        raise Retryable(f"shop token: HTTP {answer.status}", after_s=30)
    life, fresh = document.get("expires_in"), document.get("refresh_token")
    seconds = life if isinstance(life, int) and 0 < life <= 10**8 else DEFAULT_LIFE_S
    return replace(
        grant,
        access_token=access,
        refresh_token=fresh if isinstance(fresh, str) and fresh else grant.refresh_token,
        ends_at=asked_at + timedelta(seconds=seconds),
    )


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _grant(document: Any) -> Grant:
    """ValueError, KeyError or TypeError for what is no grant. What an operator pastes has neither access token nor end."""
    texts = {name: document[name] for name in ("client_id", "client_secret", "refresh_token")}
    if not all(isinstance(text, str) and text for text in texts.values()):
        raise ValueError("empty")
    ends, access = document.get("ends_at"), document.get("access_token")
    back = document.get("redirect_uri")
    ends_at = datetime.fromisoformat(ends) if isinstance(ends, str) else None
    if ends_at is not None and ends_at.tzinfo is None:
        raise ValueError("naive")
    return Grant(
        **texts,
        access_token=access if isinstance(access, str) and access else None,
        ends_at=ends_at,
        redirect_uri=back if isinstance(back, str) and back else None,
    )


def _document(grant: Grant) -> str:
    found = {
        "client_id": grant.client_id,
        "client_secret": grant.client_secret,
        "refresh_token": grant.refresh_token,
    }
    if grant.access_token is not None and grant.ends_at is not None:
        found |= {"access_token": grant.access_token, "ends_at": grant.ends_at.isoformat()}
    if grant.redirect_uri is not None:
        found["redirect_uri"] = grant.redirect_uri
    return json.dumps(found)
