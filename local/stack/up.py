"""Bring the whole system up on this machine, and take it down again."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx

from local.endpoints import FILE, ROOT, Endpoints, NotRunning, load
from local.stack import assembly, deploy
from local.stack.aws import Aws
from local.stack.business import Firing
from local.stack.processes import Desk, Started, StartFailed, busy_ports
from local.stack.settings import ACCOUNT, CHANNEL_ID, REGION, SHOP_ID, Settings

_READY_S = 30.0
_HEALTHY_S = 90.0
_ANSWER_S = 30.0
_MEMORY = Path("/dev/shm")  # noqa: S108 - only a folder of ours in it, made with mode 700, is used
_MEMORY_NEEDED = 4 << 30
_SETTINGS_MARK = "settings.sha256"
AWS, FAULTS, LINE, SHOP, TICKER = "aws", "faults", "line", "shop", "ticker"


class NotInstalled(RuntimeError):
    """Something that `make setup` or `make layers` builds is not there; the message says which."""


@dataclass
class Phases:
    """Seconds per phase, printed as they end."""

    say: Callable[[str], None]
    began: float = field(default_factory=time.monotonic)
    seconds: dict[str, float] = field(default_factory=dict)

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time one phase."""
        start = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - start
        self.say(f"  {name:<28}{self.seconds[name]:6.1f} s")

    @property
    def total(self) -> float:
        return time.monotonic() - self.began


def up(settings: Settings, say: Callable[[str], None] = print) -> Endpoints:
    """Start everything and return when the HTTP functions answer.

    A healthy stack of the same sources and settings is left as it is. Anything that fails stops what was started, and
    raises StartFailed, DeployFailed, SynthFailed or NotInstalled.
    """
    desk = Desk(settings.home)
    if (running := _same_and_healthy(settings, desk)) is not None:
        say("the local stack is up already")
        return running
    down(settings.home)
    _check_tools(settings)
    if taken := busy_ports(settings.ports):
        raise StartFailed(f"ports in use: {', '.join(map(str, taken))}; choose others with PORT_BASE=…")
    try:
        return _Starter(settings, desk, Phases(say)).run()
    except BaseException:
        down(settings.home)
        raise


def down(home: Path) -> int:
    """Stop what `up` started in `home`, also after a crash; returns how many processes were still alive."""
    desk = Desk(home)
    # Last started first: the ticker must not call functions of an AWS that is gone.
    order = {name: place for place, name in enumerate((TICKER, SHOP, FAULTS, LINE, AWS))}
    stopped = sum(desk.stop(process) for process in sorted(desk.started(), key=lambda one: order.get(one.name, 0)))
    for name in (FILE, _SETTINGS_MARK, "schedules.json"):
        (home / name).unlink(missing_ok=True)
    for folder in (_scratch_in_memory(home), home / "tmp"):
        shutil.rmtree(folder, ignore_errors=True)
    return stopped


def scratch(home: Path) -> Path:
    """Where the emulator unpacks functions and layers: in memory if there is plenty, else in the stack's folder.

    Every worker process gets its own copy of all layers, more than 3,000 files: 0.35 s in memory, 2 s and more on a
    disk, and the first webhook of a fresh stack must be answered within 2 s.
    """
    with contextlib.suppress(OSError):
        if shutil.disk_usage(_MEMORY).free > _MEMORY_NEEDED:
            return _scratch_in_memory(home)
    return home / "tmp"


def _scratch_in_memory(home: Path) -> Path:
    return _MEMORY / f"musubi-{hashlib.sha256(str(home).encode()).hexdigest()[:12]}"


def healthy(endpoints: Endpoints) -> bool:
    """True if the deployed API answers its health check."""
    try:
        return httpx.get(f"{endpoints.api}/healthz", timeout=15).status_code == 200
    except httpx.HTTPError:
        return False


def _same_and_healthy(settings: Settings, desk: Desk) -> Endpoints | None:
    mark = settings.home / _SETTINGS_MARK
    if not mark.is_file() or mark.read_text(encoding="utf-8") != _mark(settings):
        return None
    if not assembly.current(settings) or any(not process.alive for process in desk.started()):
        return None
    try:
        endpoints = load(settings.home)
    except NotRunning:
        return None
    return endpoints if healthy(endpoints) else None


def _mark(settings: Settings) -> str:
    return hashlib.sha256(
        repr(sorted((name, str(value)) for name, value in asdict(settings).items())).encode()
    ).hexdigest()


def _check_tools(settings: Settings) -> None:
    if not (settings.emulator_bin / "ministack").is_file():
        raise NotInstalled("the embedded AWS is not installed: run `make setup`")
    if not (settings.layers / "core").is_dir():
        raise NotInstalled("the Lambda layers are not built: run `make layers`")


class _Starter:
    """One start, from nothing to a healthy stack."""

    def __init__(self, settings: Settings, desk: Desk, phases: Phases) -> None:
        self._settings = settings
        self._desk = desk
        self._phases = phases
        self._aws = Aws(settings.aws)
        self._scratch = scratch(settings.home)

    def run(self) -> Endpoints:
        settings, phases = self._settings, self._phases
        # `down` has removed ours: one that exists is somebody else's and must not be trusted.
        self._scratch.mkdir(mode=0o700, parents=True)
        with ThreadPoolExecutor(1) as pool:
            synth = pool.submit(assembly.synthesise, settings)
            with phases.phase("start AWS and LINE"):
                self._start_aws()
                self._start_line()
                self._wait(AWS, f"{settings.aws}/_ministack/ready")
                deploy.put_parameters(self._aws, settings)
                self._wait(LINE, f"{settings.line}/_sim/health")
            with phases.phase("synthesise (the rest of it)"):
                synth.result()
        stacks = assembly.stacks(settings.assembly)
        with phases.phase("publish assets"):
            deploy.publish(self._aws, stacks)
        for stack in stacks:
            with phases.phase(f"create {stack.name}"):
                deploy.create(self._aws, stack)
        endpoints = Endpoints(
            api=deploy.api_url(self._aws, stacks),
            line=settings.line,
            shop=settings.shop,
            aws=settings.aws,
            shop_id=SHOP_ID,
            region=REGION,
        )
        with phases.phase("shop, webhook, ticker"):
            self._wire(endpoints)
        with phases.phase("first answers"):
            self._await_health(endpoints)
        endpoints.save(settings.home)
        (settings.home / _SETTINGS_MARK).write_text(_mark(settings), encoding="utf-8")
        phases.say(f"  up in {phases.total:.1f} s")
        return endpoints

    def _wire(self, endpoints: Endpoints) -> None:
        settings = self._settings
        changes = {"PUBLIC_URL": endpoints.api}
        if settings.faults is not None:
            self._start_faults(settings.faults)
            changes["AWS_ENDPOINT_URL"] = settings.proxy
            deploy.shorten_visibility(self._aws)
        deploy.adjust_functions(self._aws, changes, only_present=frozenset({"PUBLIC_URL"}))
        Firing(self._aws, settings.home).take_until(datetime.now(UTC))
        self._start_shop(endpoints)
        self._start_ticker()
        self._tell_line(endpoints)
        self._wait(SHOP, f"{settings.shop}/_shop/health")

    def _environment(self, **extra: str) -> dict[str, str]:
        """A clean environment.

        The emulator hands its own to every function, and a real Lambda sees none of ours.
        """
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TZ") if name in os.environ}
        return {**kept, "TMPDIR": str(self._scratch), **extra}

    def _start_aws(self) -> Started:
        environment = self._environment(
            BIND_HOST="127.0.0.1",
            GATEWAY_PORT=str(self._settings.port_base + 4),
            MINISTACK_HOST="127.0.0.1",
            MINISTACK_REGION=REGION,
            MINISTACK_ACCOUNT_ID=ACCOUNT,
            AUTH="true",
            LOG_LEVEL="WARNING",
        )
        command = [str(self._settings.emulator_bin / "python"), str(ROOT / "local" / "stack" / "aws_server.py")]
        return self._desk.start(AWS, command, environment, ROOT)

    def _start_faults(self, rules: Path) -> None:
        settings = self._settings
        command = [
            str(settings.emulator_bin / "python"),
            str(ROOT / "local" / "stack" / "faults_proxy.py"),
            "--upstream",
            settings.aws,
            "--port",
            str(settings.port_base + 5),
            "--no-resign",
        ]
        self._desk.start(FAULTS, command, self._environment(), ROOT)
        self._wait(FAULTS, f"{settings.proxy}/_microburst/health")
        found = json.loads(rules.read_text(encoding="utf-8"))
        listed = found["rules"] if isinstance(found, dict) else found
        httpx.post(f"{settings.proxy}/_microburst/rules", json=listed, timeout=5).raise_for_status()

    def _start_line(self) -> None:
        settings = self._settings
        command = [
            sys.executable,
            "-m",
            "local.line",
            "--port-base",
            str(settings.port_base),
            "--channel-id",
            CHANNEL_ID,
            "--channel-secret",
            settings.channel_secret,
        ]
        self._desk.start(LINE, command, self._environment(), ROOT)

    def _start_shop(self, endpoints: Endpoints) -> None:
        settings = self._settings
        command = [
            sys.executable,
            "-m",
            "local.shop",
            "--port",
            str(settings.port_base + 3),
            "--api-url",
            endpoints.api,
            "--shop-id",
            SHOP_ID,
            "--webhook-secret",
            settings.shop_secret,
            "--line-access-url",
            settings.line_hosts[2],
            "--aws-url",
            settings.aws,
            "--region",
            REGION,
        ]
        self._desk.start(SHOP, command, self._environment(), ROOT)

    def _start_ticker(self) -> None:
        environment = self._environment(
            MUSUBI_LOCAL_DIR=str(self._settings.home), PORT_BASE=str(self._settings.port_base)
        )
        self._desk.start(TICKER, [sys.executable, "-m", "local.stack.ticker"], environment, ROOT)

    def _tell_line(self, endpoints: Endpoints) -> None:
        url = f"{self._settings.line}/_sim/webhook"
        httpx.post(url, json={"url": f"{endpoints.api}/line/webhook"}, timeout=5).raise_for_status()

    def _wait(self, name: str, url: str, seconds: float = _READY_S) -> None:
        """Wait until a process of ours answers 2xx; raises StartFailed with the end of its log."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if httpx.get(url, timeout=5).is_success:
                    return
            except httpx.HTTPError:
                pass
            if not any(process.alive for process in self._desk.started() if process.name == name):
                raise StartFailed(f"{name} ended at once:\n{self._desk.tail(name)}")
            time.sleep(0.05)
        raise StartFailed(f"{name} did not answer at {url} within {seconds:.0f} s:\n{self._desk.tail(name)}")

    def _await_health(self, endpoints: Endpoints) -> None:
        """Wait for the first answer of each HTTP function.

        200 from the API's health check, 200 to a signed webhook without events (LINE's own check sends one), 401 to
        a shop message without a signature. Each starts its function, so that the first real message is not the one
        that takes more than the 2 s of LINE or the 5 s of a shop.
        """
        checks: tuple[tuple[str, int, Callable[[], httpx.Response]], ...] = (
            ("/healthz", 200, lambda: httpx.get(f"{endpoints.api}/healthz", timeout=_ANSWER_S)),
            ("/line/webhook", 200, lambda: _empty_webhook(endpoints, self._settings)),
            (f"/shops/{SHOP_ID}/cloudevents", 401, lambda: _unsigned_message(endpoints)),
        )
        end = time.monotonic() + _HEALTHY_S
        with ThreadPoolExecutor(len(checks)) as pool:
            asked = [pool.submit(_ask_until, wanted, ask, end) for _, wanted, ask in checks]
        for (path, wanted, _), answer in zip(checks, (one.result() for one in asked), strict=True):
            if answer is None or answer.status_code != wanted:
                seen = f"{answer.status_code}: {answer.text[:1000]}" if answer is not None else "nothing"
                raise StartFailed(f"{path} answers {seen}, not {wanted}\n{self._desk.tail(AWS)}")


def _ask_until(wanted: int, ask: Callable[[], httpx.Response], end: float) -> httpx.Response | None:
    """Ask until the wanted status comes or time is up; the last answer, None if there was none."""
    answer = None
    while time.monotonic() < end:
        with contextlib.suppress(httpx.HTTPError):
            answer = ask()
            if answer.status_code == wanted:
                break
        time.sleep(0.1)
    return answer


def _unsigned_message(endpoints: Endpoints) -> httpx.Response:
    path = f"{endpoints.api}/shops/{endpoints.shop_id}/cloudevents"
    return httpx.post(path, content=b"{}", headers={"content-type": "application/json"}, timeout=_ANSWER_S)


def _empty_webhook(endpoints: Endpoints, settings: Settings) -> httpx.Response:
    body = b'{"destination":"U00000000000000000000000000000000","events":[]}'
    digest = hmac.new(secret_bytes(settings.channel_secret), body, hashlib.sha256).digest()
    headers = {"content-type": "application/json", "x-line-signature": base64.b64encode(digest).decode()}
    return httpx.post(f"{endpoints.api}/line/webhook", content=body, headers=headers, timeout=_ANSWER_S)


def secret_bytes(secret: str) -> bytes:
    """The key that a secret stands for: base64 behind `whsec_` (Standard Webhooks), else its UTF-8 bytes."""
    prefix, marked, rest = secret.partition("whsec_")
    return base64.b64decode(rest) if marked and not prefix else secret.encode()
