"""Stage ``dev``: for the shop's engineers; throw-away data, testers only."""

from infra.config import StageConfig


def config() -> StageConfig:
    """Return the settings of this stage."""
    return StageConfig(
        stage="dev",
        shop_name="むすび商店（開発）",
        shop_login_url="https://dev.shop.example/line/login",
        line_channel_id="0000000000",
        testers=(),
        alarm_emails=(),
        keep_data=False,
        point_in_time_recovery=False,
        log_days=14,
    )
