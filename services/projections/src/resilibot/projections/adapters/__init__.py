"""Adapters of projections."""
