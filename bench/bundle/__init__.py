"""A finished pipeline as one file, ``*.latentgrid``, that assigns images to its clusters.

`bench.bundle.format` reads and writes the file, `bench.bundle.making` makes one of a run, and
`bench.bundle.bundle.Bundle` applies it to images. docs/bundles.md describes the file.
"""
