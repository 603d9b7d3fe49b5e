"""Every five minutes: go on with the requests that are open, the nearest deadline first, and say which need a person.

A run stops cleanly when its time is nearly up; the next one goes on at the page where it stopped. Two runs at once do no
harm: each step may be done twice, and the request's version lets one of them remember it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from musubi.domain.engine import Moment
from musubi.domain.errors import Retryable
from musubi.domain.forgetting import ERASED
from musubi.domain.outcome import Outcome, Verdict
from musubi.domain.privacy import (
    MAX_FAILURES,
    OPEN_SHELF,
    WAITING_SHELF,
    PrivacyRequest,
    RequestKind,
    RequestState,
    done_fact,
    finished,
)
from musubi.domain.writes import Committed, Create, Replace, Write
from musubi.ports import Clock, Exports, PersonRows, Store
from musubi.usecases import erase_person
from musubi.usecases.erase_person import Step
from musubi.usecases.erase_shop import erase_shop_step
from musubi.usecases.export_person import export_person

PAGE = 200


@dataclass(frozen=True)
class Deps:
    store: Store
    rows: PersonRows
    exports: Exports
    clock: Clock
    on_error: Callable[[str, Exception], None]
    """Told of each failed request (its id and the error), for the log."""


def run_privacy_requests(deps: Deps, out_of_time: Callable[[], bool] = lambda: False) -> Outcome:
    """One run. `PrivacyWaitsForOperator` counts exports made and erasures of shops to approve, `PrivacyRequestsLate` what
    failed or has a deadline within a week.
    """
    counts = {"PrivacyRequestsDone": 0, "PrivacyWaitsForOperator": 0, "PrivacyRequestsLate": 0}
    _open_ripe(deps)
    now = deps.clock.business()
    requests = deps.rows.requests(OPEN_SHELF, None, PAGE)
    # A shop takes hours: whoever asks for themselves does not wait behind it.
    for request in sorted(requests, key=lambda one: one.kind is RequestKind.SHOP):
        if request.waits_for_operator:
            counts["PrivacyWaitsForOperator"] += 1
            after = request
        else:
            after = _work_on(request, deps, out_of_time)
        counts["PrivacyRequestsLate"] += after.near(now) or after.state is RequestState.FAILED
        if after.state is RequestState.DONE:
            counts["PrivacyRequestsDone"] += 1
            counts["PrivacyWaitsForOperator"] += after.export is not None
    return Outcome(Verdict.DONE, "out_of_time" if out_of_time() else "worked_off", counts)


def _open_ripe(deps: Deps) -> None:
    for request in deps.rows.requests(WAITING_SHELF, deps.clock.business(), PAGE):
        # Unread: who conflicts has opened it.
        deps.store.commit([Replace(replace(request, state=RequestState.OPEN, version=request.version + 1))])


def _work_on(request: PrivacyRequest, deps: Deps, out_of_time: Callable[[], bool]) -> PrivacyRequest:
    """Step by step until it is done, nothing is left to do now, somebody else does it, or time is up."""
    while not out_of_time():
        try:
            step = _step(request, deps)
            if not step.moved:
                break
            if step.request != request and not isinstance(deps.store.commit(_writes(step.request, deps)), Committed):
                break
        except Exception as error:  # one request that can not be done must not keep the others from it
            deps.on_error(request.request_id, error)
            return _failed(request, error, deps)
        request = step.request
        if request.state is RequestState.DONE:
            break
    return request


def _step(request: PrivacyRequest, deps: Deps) -> Step:
    if request.kind is not RequestKind.ACCESS:
        step = erase_shop_step if request.kind is RequestKind.SHOP else erase_person.erase_step
        return step(request, erase_person.Deps(deps.store, deps.rows, deps.clock))
    now = deps.clock.business()
    document = export_person(deps.store, deps.rows, request.shop_id, request.member_id, request.order_ids, now)
    where = deps.exports.put(request.request_id, document)
    return Step(finished(replace(request, export=where), now, "exported"))


def _writes(request: PrivacyRequest, deps: Deps) -> list[Write]:
    """The request as it is now, and the fact that nothing is held any more, in one commit."""
    told = request.state is RequestState.DONE and request.outcome == ERASED
    return [
        Replace(request),
        *([Create(done_fact(request, Moment(deps.clock.business(), deps.clock.machine())))] if told else []),
    ]


def _failed(request: PrivacyRequest, error: Exception, deps: Deps) -> PrivacyRequest:
    """What passes by itself is no fault of the request: a store that is away must not ring as if it were."""
    if isinstance(error, Retryable):
        return request
    failures = request.failures + 1
    state = RequestState.FAILED if failures >= MAX_FAILURES else request.state
    failed = replace(request, failures=failures, state=state, version=request.version + 1)
    try:
        deps.store.commit([Replace(failed)])
    except Retryable as retry:
        deps.on_error(request.request_id, retry)
    return failed
