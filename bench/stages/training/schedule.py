"""The learning rate at each step of training, as a share of the one that was set.

References
----------
Goyal et al. (2017), Accurate, large minibatch SGD: training ImageNet in 1 hour (linear warm-up).
Loshchilov and Hutter (2017), SGDR: stochastic gradient descent with warm restarts (cosine decay).
"""

from __future__ import annotations

import math
from typing import Literal

Schedule = Literal["constant", "warmup-cosine"]
CONSTANT: Schedule = "constant"
WARM_UP = 0.1  # of the steps


def share(schedule: Schedule, step: int, steps: int) -> float:
    """Return what the learning rate is multiplied by, in (0, 1].

    It depends on nothing but the step, so that a training that continues needs no state of it.

    Parameters
    ----------
    schedule : str
        ``constant``: 1 at every step. ``warmup-cosine``: rises linearly over the first tenth of
        the steps to 1, then falls along half a cosine towards 0, which the step after the last
        would have.
    step : int
        Steps that were taken before, from 0.
    steps : int
        Steps of the whole training.
    """
    if schedule == CONSTANT:
        return 1.0
    rising = max(round(WARM_UP * steps), 1)
    if step < rising:
        return (step + 1) / rising
    return (1 + math.cos(math.pi * (step - rising) / (steps - rising))) / 2
