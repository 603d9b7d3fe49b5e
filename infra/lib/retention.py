"""Days of log retention, as CloudWatch knows them."""

from aws_cdk import aws_logs as logs

from infra.config import ConfigError

_KNOWN = {
    1: logs.RetentionDays.ONE_DAY,
    7: logs.RetentionDays.ONE_WEEK,
    14: logs.RetentionDays.TWO_WEEKS,
    30: logs.RetentionDays.ONE_MONTH,
    90: logs.RetentionDays.THREE_MONTHS,
    180: logs.RetentionDays.SIX_MONTHS,
    365: logs.RetentionDays.ONE_YEAR,
    731: logs.RetentionDays.TWO_YEARS,
}


def retention(days: int) -> logs.RetentionDays:
    """Return CloudWatch's name for a number of days; it knows only some numbers."""
    if days not in _KNOWN:
        raise ConfigError(f"log_days is {days}; CloudWatch takes one of {sorted(_KNOWN)}")
    return _KNOWN[days]
