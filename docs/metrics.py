"""Writes docs/metrics.md: ``python docs/metrics.py``."""

from pathlib import Path

from bench.report.metrics import page

if __name__ == "__main__":
    Path(__file__).with_suffix(".md").write_text(page(), encoding="utf-8")
