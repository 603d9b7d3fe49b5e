"""Settings that every function which talks to LINE or reads content shares."""

from infra.lib.site import Site


def sender_settings(site: Site) -> dict[str, str]:
    """Return what a function needs to send to LINE; PUBLIC_URL is added by the stack, once the API is known."""
    config = site.config
    return {
        "PARAM_PREFIX": site.names.parameters,
        "LINE_CHANNEL_ID": config.line_channel_id,
        "LINE_API_URL": config.line.api,
        "LINE_DATA_URL": config.line.data,
        "LINE_ACCESS_URL": config.line.access,
        "SHOP_NAME": config.shop_name,
        "GO_LIVE": "true" if config.go_live else "false",
        "TESTERS": ",".join(config.testers),
        "CLOCK": config.clock,
        "CONTENT_DIR": config.content_dir,
    }
