"""The tests; each of pytest-xdist's workers keeps to one processor.

Arithmetic libraries use as many threads as there are processors. Those of two workers on two
processors wait for one another, and a decomposition that takes 0.05 s takes a second then.
This is here since it has to be done before any of these libraries is loaded.
"""

import os

_WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
if _WORKER and hasattr(os, "sched_setaffinity"):
    _processors = sorted(os.sched_getaffinity(0))
    _number = int(_WORKER.removeprefix("gw"))
    os.sched_setaffinity(0, {_processors[_number % len(_processors)]})
