"""One module per area of LINE's API; each handler takes a Ctx and returns an Answer or raises Refused."""
