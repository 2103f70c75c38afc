"""Adapters of ingest's ports to AWS."""
