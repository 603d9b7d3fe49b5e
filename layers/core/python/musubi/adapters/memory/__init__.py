"""Memory twins of the adapters, held to the same specs: for tests and for runs without AWS."""
