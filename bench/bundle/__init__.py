"""A finished cell as one file, ``*.latentgrid``, that places images in its clusters.

`bench.bundle.format` reads and writes the file, `bench.bundle.making` makes one of a cell, and
`bench.bundle.bundle.Bundle` is what it does. docs/bundles.md describes the file.
"""
