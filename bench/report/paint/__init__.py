"""Paints figures from tables and arrays; knows nothing of files, stores or records."""
