"""The former name of `bench.planning.settings`, until nothing imports it."""

from bench.planning.settings import *  # noqa: F403
from bench.planning.settings import AUTO as AUTO
from bench.planning.settings import GridSettings as GridSpec  # noqa: F401
from bench.planning.settings import resolve as resolve
from bench.planning.settings import what_is_wrong as what_is_wrong
