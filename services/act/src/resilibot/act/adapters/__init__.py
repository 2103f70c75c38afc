"""Adapters of act: the only code of ResiliBot that changes the world."""
