"""Building blocks that know AWS and nothing of what musubi does."""
