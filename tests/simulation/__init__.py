"""Deterministic simulation: all services over one in-memory store and bus, a virtual clock and a seeded adversary."""
