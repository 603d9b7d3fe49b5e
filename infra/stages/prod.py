"""Stage ``prod``: the shop's customers. Nothing is sent to anyone but testers until ``go_live=True``."""

from infra.config import Concurrency, StageConfig


def config() -> StageConfig:
    """Return the settings of this stage.

    ``push_sender`` 20: twenty copies with ten messages each, at about 100 ms per push, are LINE's 2,000 pushes a
    second; more copies would only meet 429.
    """
    return StageConfig(
        stage="prod",
        shop_name="むすび商店",
        shop_login_url="https://shop.example/line/login",
        line_channel_id="2000000004",
        go_live=False,
        testers=(),
        alarm_emails=("musubi-alarms@shop.example",),
        keep_data=True,
        point_in_time_recovery=True,
        deletion_protection=True,
        termination_protection=True,
        log_days=365,
        concurrency=Concurrency(queue={"push_sender": 20, "alert_shard": 10}),
    )
