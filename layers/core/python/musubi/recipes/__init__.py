"""The scenarios, templates, commands and words that musubi ships, as YAML. A shop overrides them by id in its content layer."""
