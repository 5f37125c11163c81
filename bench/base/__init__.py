"""Leaf utilities: errors, files, seeds, keys, the registry; imports no other room."""
