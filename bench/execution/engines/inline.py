"""The engine ``inline``: every task in this process, for tests and for a debugger."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bench.execution.engines.engine import Engine, in_turn
from bench.execution.progress import Watch
from bench.execution.worker.messages import End, Order, Ready, Run, Setup
from bench.execution.worker.serve import Here
from bench.planning.plan import Plan


class Inline(Engine):
    """Starts no process and draws nothing; a task that kills its process ends the grid."""

    @contextmanager
    def at_work(self, plan: Plan, setup: Setup, watch: Watch) -> Iterator[Run]:
        """Be ready; data are loaded with the first task."""
        here = Here()

        def do(order: Order) -> End:
            steps = watch.begin(order.task)
            if here.worker is None:
                answer = here.set_up(setup)
                if not isinstance(answer, Ready):
                    return answer
            return here.do(order, steps, watch.waiting)

        yield lambda orders: in_turn(orders, do)
