"""The page: one HTML file to look at a run in, drawn with Jinja2 and Bokeh."""

from bench.report.page.render import FILE, write, write_several

__all__ = ["FILE", "write", "write_several"]
