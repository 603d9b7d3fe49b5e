"""Stage ``stg``: the rehearsal of prod, with a LINE channel of its own and testers only."""

from infra.config import Concurrency, StageConfig


def config() -> StageConfig:
    """Return the settings of this stage."""
    return StageConfig(
        stage="stg",
        shop_name="むすび商店（検証）",
        shop_login_url="https://stg.shop.example/line/login",
        line_channel_id="0000000000",
        testers=(),
        alarm_emails=("musubi-stg@shop.example",),
        keep_data=False,
        log_days=30,
        concurrency=Concurrency(queue={"push_sender": 10, "alert_shard": 5}),
    )
