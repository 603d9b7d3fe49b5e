"""Load → decide → commit → emit, one module per verb phrase, each named like the function that calls it."""
