"""Evaluations: how well a decision does on many drawn cases, told in figures, held to thresholds."""
