"""Adapters of notify: one per channel; pure formatting and one call each."""
