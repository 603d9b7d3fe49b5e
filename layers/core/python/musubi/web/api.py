"""The shop's own calls to us, described by an OpenAPI document that is made from the code."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response, content_types
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError
from aws_lambda_powertools.event_handler.openapi.params import Body
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from musubi.contracts.text import MAX_ID, as_id
from musubi.domain.errors import Retryable
from musubi.web.request import Event, Refused, answer, headers, raw_body
from musubi.web.signatures import Keys, SignatureRefused, prove, verify_standard_webhook

Issue = Callable[[str, str], tuple[str, datetime]]
"""(shop_id, member_id) → the nonce and when it ends."""

Count = Callable[[str, str], None]

_DESCRIPTION = """Every POST is signed as a Standard Webhook: `webhook-id`, `webhook-timestamp` (Unix seconds,
five minutes either way) and `webhook-signature: v1,<base64 HMAC-SHA256 of "id.timestamp.body">`, with the key
of the shop's CloudEvents endpoint."""


def _id(value: str) -> str:
    found = as_id(value)
    if found is None:
        raise ValueError("no blanks and no control characters")
    return found


class NonceRequest(BaseModel):
    """Who has just logged in at the shop."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)

    member_id: Annotated[str, Field(min_length=1, max_length=MAX_ID, examples=["1001"]), AfterValidator(_id)]


class NonceAnswer(BaseModel):
    """The nonce to hand to LINE's accountLink dialog together with the linkToken; single use, until `expires_at`."""

    nonce: str
    expires_at: AwareDatetime


class Problem(BaseModel):
    """Why a request was not served."""

    message: str


class Health(BaseModel):
    status: str


class Api:
    """The API of one deployment. `now` is machine time; `shops` are the shop ids whose keys may sign."""

    def __init__(
        self, *, issue: Issue, keys: Keys, shops: Sequence[str], now: Callable[[], datetime], count: Count
    ) -> None:
        self._issue = issue
        self._keys = keys
        self._shops = shops
        self._now = now
        self._count = count
        self._app = self._routes()

    def __call__(self, event: Event, context: Any) -> Mapping[str, Any]:
        """Answer one HTTP request."""
        try:
            if self._method(event) not in ("GET", "HEAD"):
                # Before routing and validation: who is not proven learns nothing, not even what is valid.
                self._app.append_context(shop_id=self._prove(event))  # type: ignore[no-untyped-call]
            return self._app.resolve(dict(event), context)
        except Refused as refused:
            if refused.metric:
                self._count(refused.metric, refused.reason)
            return refused.response
        except Retryable as error:
            self._count("RequestsRefused", error.reason)
            return {**answer(503, {"message": "please try again"}), "headers": {"retry-after": str(error.after_s)}}

    def openapi(self) -> str:
        """The OpenAPI 3.1 document of this API, as JSON."""
        return self._app.get_openapi_json_schema(
            title="musubi", version="1", description=" ".join(_DESCRIPTION.split())
        )

    @staticmethod
    def _method(event: Event) -> str:
        return str(event.get("requestContext", {}).get("http", {}).get("method", ""))

    def _prove(self, event: Event) -> str:
        """The shop whose key signed the request; Refused with 401 when it is nobody's."""
        raw, named, reason = raw_body(event), headers(event), "no_secret"

        def verify(secrets: Sequence[str]) -> None:
            verify_standard_webhook(
                raw,
                message_id=named.get("webhook-id"),
                timestamp=named.get("webhook-timestamp"),
                signatures=named.get("webhook-signature"),
                secrets=secrets,
                now=self._now(),
            )

        for shop_id in self._shops:
            try:
                prove(self._keys, f"shops/{shop_id}/cloudevents", verify)
            except SignatureRefused as refused:
                reason = refused.reason
            else:
                return shop_id
        raise Refused(401, f"signature {reason}", "SignatureRefused", f"api:{reason}")

    def _routes(self) -> APIGatewayHttpResolver:
        app = APIGatewayHttpResolver(enable_validation=True)

        @app.exception_handler(RequestValidationError)  # type: ignore[untyped-decorator]
        def invalid(error: RequestValidationError) -> Response[str]:
            problems = [f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in error.errors()]
            body = answer(422, {"message": "; ".join(problems)})["body"]
            return Response(422, content_type=content_types.APPLICATION_JSON, body=body)

        @app.get("/healthz", summary="Is the API up?", tags=["operations"])
        def healthz() -> Health:
            return Health(status="ok")

        @app.get("/v1/openapi.json", include_in_schema=False)
        def openapi() -> Response[str]:
            return Response(200, content_type=content_types.APPLICATION_JSON, body=self.openapi())

        @app.post(
            "/v1/link/nonces",
            summary="Issue a nonce for a member who has just logged in",
            tags=["link"],
            responses={
                201: {"description": "Issued", "content": {"application/json": {"model": NonceAnswer}}},
                401: {"description": "Signature refused", "content": {"application/json": {"model": Problem}}},
                422: {"description": "Not valid", "content": {"application/json": {"model": Problem}}},
                503: {"description": "Try again", "content": {"application/json": {"model": Problem}}},
            },
        )
        def issue_nonce(request: Annotated[NonceRequest, Body()]) -> Response[NonceAnswer]:
            nonce, expires_at = self._issue(app.context["shop_id"], request.member_id)
            body = NonceAnswer(nonce=nonce, expires_at=expires_at)
            return Response(201, content_type=content_types.APPLICATION_JSON, body=body)

        return app
