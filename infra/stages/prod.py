"""Stage ``prod``: the shop's customers. Nothing is sent to anyone but testers until ``go_live=True``."""

from infra.config import Concurrency, StageConfig


def config() -> StageConfig:
    """Return the settings of this stage; every address under ``.example`` and every 0 of the channel is yours to fill in.

    ``push_sender`` 100: a copy sends one push after the other, about ten a second, so these are 1,000 a second. LINE
    takes 2,000; more than 200 copies would only meet 429.
    """
    return StageConfig(
        stage="prod",
        shop_name="むすび商店",
        shop_login_url="https://shop.example/line/login",
        line_channel_id="0000000000",
        go_live=False,
        testers=(),
        alarm_emails=("musubi-alarms@shop.example",),
        keep_data=True,
        point_in_time_recovery=True,
        deletion_protection=True,
        termination_protection=True,
        log_days=365,
        concurrency=Concurrency(queue={"push_sender": 100, "alert_shard": 10}),
    )
