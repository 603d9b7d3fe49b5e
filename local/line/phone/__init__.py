"""A phone you can look at: one chat page per LINE user."""
