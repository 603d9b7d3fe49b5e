"""Tables that shops export (CSV, TSV): bytes → records → rows → canonical events."""
