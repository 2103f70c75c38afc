"""Adapters of observe: one per source. Each turns its source's failures into SourceFailed, never into silence."""
