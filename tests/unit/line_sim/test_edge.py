"""The three ports for real: hosts, dropped connections, the dialog and the pages over HTTP."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from linebot.v3.messaging import ApiClient, Configuration, MessagingApi, PushMessageRequest, TextMessage

from local.line.__main__ import parse
from local.line.config import Config
from local.line.edge import Simulator, serve
from local.line.events import PIXEL
from local.line.values import Json

NONCE = "bm9uY2Utb2YtdGhlLXNob3A"


class Shop(BaseHTTPRequestHandler):
    """A webhook receiver that remembers events."""

    events: list[Json] = []  # noqa: RUF012  one list for the handlers of all connections

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        Shop.events += json.loads(body)["events"]
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class names it
        """Quiet."""


@dataclass
class Running:
    """A simulator on real ports and a client for each."""

    config: Config
    api: httpx.Client
    data: httpx.Client
    access: httpx.Client

    def token(self) -> str:
        """A channel access token over HTTP."""
        fields = {
            "grant_type": "client_credentials",
            "client_id": self.config.channel_id,
            "client_secret": self.config.channel_secret,
        }
        text: str = self.api.post("/oauth2/v3/token", data=fields).json()["access_token"]
        return text

    def friend(self, name: str = "花子") -> str:
        """A friend's user id."""
        made = self.api.post("/_sim/friends", json={"display_name": name, "relation": "friend"}).json()
        user_id: str = made["user_id"]
        return user_id


def free_base() -> int:
    """A port with two free neighbours."""
    for _ in range(50):
        with socket.socket() as first:
            first.bind(("127.0.0.1", 0))
            base: int = first.getsockname()[1]
        try:
            for offset in range(3):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", base + offset))
        except OSError:
            continue
        return base
    raise RuntimeError("no three free ports in a row")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One simulator for this module."""
    receiver = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    pictures = tmp_path_factory.mktemp("pictures")
    (pictures / "a.png").write_bytes(PIXEL)
    config = Config(
        port_base=free_base(),
        webhook_url=f"http://127.0.0.1:{receiver.server_port}/hook",
        image_map={"https://public.example": pictures},
    )
    simulator = Simulator(config)
    loop = asyncio.new_event_loop()
    ready = threading.Event()
    task = loop.create_task(serve(simulator, ready.set))
    thread = threading.Thread(target=loop.run_until_complete, args=(task,), daemon=True)
    thread.start()
    assert ready.wait(10)
    clients = [httpx.Client(base_url=config.base(offset), trust_env=False) for offset in range(3)]
    yield Running(config, *clients)
    for client in clients:
        client.close()
    simulator.shutdown()
    thread.join(10)
    receiver.shutdown()
    receiver.server_close()
    loop.close()


@pytest.fixture(autouse=True)
def clean(running: Running) -> None:
    running.api.post("/_sim/reset", json={})
    Shop.events.clear()


def test_sdk_client_pushes_once_through_a_dropped_connection(running: Running) -> None:
    """§9.10: the connection breaks after acceptance; the same key then says 409."""
    user_id = running.friend()
    running.api.post("/_sim/faults", json={"match": {"endpoint": "push"}, "mode": "drop_after"})
    headers = {
        "Authorization": f"Bearer {running.token()}",
        "X-Line-Retry-Key": "123e4567-e89b-12d3-a456-426614174000",
    }
    body = {"to": user_id, "messages": [{"type": "text", "text": "やあ"}]}
    with pytest.raises(httpx.RemoteProtocolError):
        running.api.post("/v2/bot/message/push", json=body, headers=headers)
    again = running.api.post("/v2/bot/message/push", json=body, headers=headers)
    assert again.status_code == 409
    accepted = running.api.get("/_sim/accepted").json()
    assert accepted["count"] == 1
    assert accepted["accepted"][0]["request_id"] == again.headers["x-line-accepted-request-id"]
    assert running.api.get("/_sim/violations").json()["count"] == 0


def test_official_sdk_talks_to_it(running: Running) -> None:
    configuration = Configuration(host=running.config.base(0), access_token=running.token())
    with ApiClient(configuration) as client:
        api = MessagingApi(client)
        user_id = running.friend()
        request = PushMessageRequest(to=user_id, messages=[TextMessage(text="こんにちは")])
        assert len(api.push_message(request).sent_messages) == 1
        assert api.get_profile(user_id).display_name == "花子"
        assert api.get_bot_info().user_id == running.config.bot_user_id
        assert api.get_message_quota().type == "none"


def test_hosts_are_apart(running: Running) -> None:
    headers = {"Authorization": f"Bearer {running.token()}"}
    assert running.api.get("/v2/bot/info", headers=headers).status_code == 200
    for client in (running.data, running.access):
        answer = client.get("/v2/bot/info", headers=headers)
        assert answer.status_code == 404
        assert answer.headers["x-line-request-id"]
    assert running.api.get("/v2/bot/info/", headers=headers).status_code == 404
    assert running.api.get("/dialog/bot/accountLink").status_code == 404
    assert running.data.get("/_sim/health").status_code == 404


def test_content_comes_from_the_data_host(running: Running) -> None:
    user_id = running.friend()
    event = running.api.post(f"/_sim/friends/{user_id}/image", json={}).json()["events"][0]
    path = f"/v2/bot/message/{event['message']['id']}/content"
    answer = running.data.get(path, headers={"Authorization": f"Bearer {running.token()}"})
    assert (answer.content, answer.headers["content-type"]) == (PIXEL, "image/png")


def test_account_link_by_hand(running: Running) -> None:
    user_id = running.friend()
    headers = {"Authorization": f"Bearer {running.token()}"}
    token = running.api.post(f"/v2/bot/user/{user_id}/linkToken", headers=headers).json()["linkToken"]
    fields = {"linkToken": token, "nonce": NONCE}
    page = running.access.get("/dialog/bot/accountLink", params=fields, headers={"X-Sim-Browser-User": user_id})
    assert "連携する" in page.text
    done = running.access.post("/dialog/bot/accountLink", data={**fields, "browser_user": user_id, "agree": "1"})
    assert "連携しました" in done.text
    assert [event["type"] for event in Shop.events] == ["accountLink"]
    assert Shop.events[0]["link"] == {"result": "ok", "nonce": NONCE}
    stale = running.access.get("/dialog/bot/accountLink", params=fields)
    assert (stale.status_code, "有効期限" in stale.text) == (400, True)


def test_phone_pages(running: Running) -> None:
    user_id = running.friend("<b>花子</b>")
    picture = "https://public.example/a.png"
    bubble = {"type": "bubble", "hero": {"type": "image", "url": picture, "size": "full"}}
    body = {
        "to": user_id,
        "messages": [
            {"type": "flex", "altText": "絵", "contents": bubble},
            {"type": "text", "text": "<script>x</script>"},
        ],
    }
    headers = {"Authorization": f"Bearer {running.token()}"}
    assert running.api.post("/v2/bot/message/push", json=body, headers=headers).status_code == 200
    assert "&lt;b&gt;花子" in running.api.get("/phone").text
    page = running.api.get(f"/phone/{user_id}")
    assert page.cookies["line_browser_user"] == user_id
    assert "&lt;script&gt;x" in page.text
    assert "/phone/image/0/a.png" in page.text
    assert running.api.get("/phone/image/0/a.png").content == PIXEL
    assert running.api.get("/phone/image/0/..%2f..%2fetc/passwd").status_code == 404
    assert running.api.get("/phone/U0").status_code == 404
    news = running.api.get(f"/phone/{user_id}/fragment").json()
    assert "chat" in news
    assert "chat" not in running.api.get(f"/phone/{user_id}/fragment", params={"v": news["version"]}).json()


def test_uri_actions_carry_the_phones_owner(running: Running) -> None:
    user_id = running.friend()
    action = {"type": "uri", "label": "店へ", "uri": "https://shop.example/login"}
    message = {"type": "template", "altText": "a", "template": {"type": "buttons", "text": "a", "actions": [action]}}
    headers = {"Authorization": f"Bearer {running.token()}"}
    running.api.post("/v2/bot/message/push", json={"to": user_id, "messages": [message]}, headers=headers)
    opened = running.api.get(f"/phone/{user_id}/open", params={"label": "店へ"})
    assert (opened.status_code, opened.headers["location"]) == (302, "https://shop.example/login")
    assert opened.cookies["line_browser_user"] == user_id


def test_acting_on_the_phone_sends_webhooks(running: Running) -> None:
    user_id = running.friend()
    done = running.api.post(f"/phone/{user_id}/do", json={"action": "text", "text": "こんにちは"})
    assert done.status_code == 200
    assert Shop.events[0]["message"]["text"] == "こんにちは"
    assert running.api.post(f"/phone/{user_id}/do", json={"action": "tap", "index": 0}).status_code == 400


def test_control_says_what_is_wrong(running: Running) -> None:
    assert running.api.get("/_sim/nothing").status_code == 404
    assert running.api.post("/_sim/friends", content=b"{").status_code == 400
    assert running.api.post(f"/_sim/friends/U{'0' * 32}/follow", json={}).status_code == 404
    assert "unknown options" in running.api.post("/_sim/events", json={"options": {"slowly": 1}}).json()["error"]


def test_command_line(tmp_path: Path) -> None:
    config = parse(["--port-base", "4700", "--image-map", f"https://public.example/={tmp_path}", "--redelivery"])
    assert (config.port_base, config.redelivery) == (4700, True)
    assert config.image_map == {"https://public.example": tmp_path}
    for wrong in (["--bind", "0.0.0.0"], ["--api-base", "https://api.line.me"]):  # noqa: S104  what it must refuse
        with pytest.raises(SystemExit):
            parse(wrong)
