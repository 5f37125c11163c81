"""Writes docs/settings.md: ``python docs/settings.py``."""

from pathlib import Path

from bench.planning.reference import page

if __name__ == "__main__":
    Path(__file__).with_suffix(".md").write_text(page(), encoding="utf-8")
