"""The verbs of the resilibot command, one module each."""
