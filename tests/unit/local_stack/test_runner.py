"""Settings, process files and the endpoints file of the stack runner."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from local.endpoints import Endpoints, NotRunning, load
from local.stack.processes import Desk, Started, born_of
from local.stack.settings import BadSetting, from_environment
from local.stack.up import down, secret_bytes

GROUP = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""


def test_port_base_moves_all_ports() -> None:
    settings = from_environment({"PORT_BASE": "7000"})
    assert settings.ports == (7000, 7001, 7002, 7003, 7004)
    assert settings.line_hosts == ("http://127.0.0.1:7000", "http://127.0.0.1:7001", "http://127.0.0.1:7002")
    assert (settings.shop, settings.aws) == ("http://127.0.0.1:7003", "http://127.0.0.1:7004")


def test_another_stand_in_for_line_serves_all_three_hosts() -> None:
    settings = from_environment({"LINE_API_URL": "http://127.0.0.1:9000/"})
    assert settings.line_hosts == ("http://127.0.0.1:9000",) * 3
    assert settings.line == "http://127.0.0.1:4600"


def test_secrets_come_from_the_environment_and_stay_out_of_the_repr() -> None:
    settings = from_environment({"LINE_CHANNEL_SECRET": "abc-1", "SHOP_WEBHOOK_SECRET": "whsec_c2VjcmV0"})
    assert (settings.channel_secret, settings.shop_secret) == ("abc-1", "whsec_c2VjcmV0")
    assert "abc-1" not in repr(settings)
    assert "whsec_" not in repr(settings)


@pytest.mark.parametrize(
    "environ",
    [{"PORT_BASE": "80"}, {"PORT_BASE": "x"}, {"GO_LIVE": "maybe"}, {"AWS_FAULTS": "/nowhere/rules.json"}],
)
def test_a_setting_that_cannot_be_meant_is_named(environ: dict[str, str]) -> None:
    with pytest.raises(BadSetting, match=next(iter(environ))):
        from_environment(environ)


def test_live_by_default_and_testers_only_when_told() -> None:
    assert from_environment({}).go_live
    assert not from_environment({"GO_LIVE": "0"}).go_live


def test_endpoints_survive_the_file(tmp_path: Path) -> None:
    endpoints = Endpoints(api="http://a", line="http://l", shop="http://s", aws="http://w")
    endpoints.save(tmp_path)
    assert load(tmp_path) == endpoints
    assert (endpoints.shop_id, endpoints.region) == ("main", "ap-northeast-1")


def test_without_a_stack_the_way_to_start_one_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotRunning, match="make up"):
        load(tmp_path)


def test_stopping_a_process_takes_its_children_along(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    process = desk.start("aws", [sys.executable, "-c", GROUP], dict(os.environ), tmp_path)
    child = _first_line(desk.log_of("aws"))
    assert process.alive
    assert desk.started() == [process]
    assert down(tmp_path) == 1
    assert not process.alive
    _until_gone(int(child))
    assert desk.started() == []


def test_down_is_idempotent_and_survives_a_crash(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.start("aws", [sys.executable, "-c", "pass"], dict(os.environ), tmp_path)
    _until(lambda: not desk.started()[0].alive)
    assert down(tmp_path) == 0
    assert down(tmp_path) == 0


def test_orphans_of_a_killed_leader_are_stopped_too(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    process = desk.start("aws", [sys.executable, "-c", GROUP], dict(os.environ), tmp_path)
    child = int(_first_line(desk.log_of("aws")))
    os.kill(process.pid, signal.SIGKILL)
    _until(lambda: not process.alive)
    os.waitpid(process.pid, 0)
    assert born_of(child) is not None
    assert down(tmp_path) == 0
    _until_gone(child)


def test_somebody_elses_process_with_our_number_is_left_alone(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    ours = Started("aws", os.getpid(), (born_of(os.getpid()) or 0) - 1)
    assert not ours.alive
    assert desk.stop(ours) is False


def _first_line(log: Path) -> str:
    _until(lambda: log.is_file() and log.read_text().strip())
    return log.read_text().split()[0]


def _until_gone(pid: int) -> None:
    _until(lambda: born_of(pid) is None)


def _until(holds: object) -> None:
    assert callable(holds)
    end = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_secret_in_the_standard_form_is_base64_and_any_other_its_bytes() -> None:
    assert secret_bytes("whsec_c2VjcmV0") == b"secret"
    assert secret_bytes("むすび") == "むすび".encode()
    assert secret_bytes("not-whsec_c2VjcmV0") == b"not-whsec_c2VjcmV0"
