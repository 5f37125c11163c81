"""The page: one HTML file to look at a run in, a template of Jinja2."""

from bench.report.page.assets import FOLDER
from bench.report.page.assets import remove as remove_folder
from bench.report.page.render import FILE, write, write_several

__all__ = ["FILE", "FOLDER", "remove_folder", "write", "write_several"]
