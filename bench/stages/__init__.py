"""The stages of a pipeline, from arrays to arrays."""
