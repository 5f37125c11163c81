"""What a run does about results that are in the store already."""

from __future__ import annotations

from enum import Enum

from bench.base.errors import UsageError


class Mode(Enum):
    """Which tasks of a plan are done, and whether the first failure stops the rest.

    A run that computes nothing cannot be forced, nor can it fail: there is no member for that.
    Its values are ``force`` (do tasks again although their results are in the store),
    ``only_cached`` (compute nothing) and ``fail_fast`` (the first failure stops the rest).
    """

    MISSING = (False, False, False)  # do what is not in the store
    MISSING_FAIL_FAST = (False, False, True)  # until a task fails
    ALWAYS = (True, False, False)  # do everything again
    ALWAYS_FAIL_FAST = (True, False, True)
    CACHED = (False, True, False)  # do nothing: report from what is in the store

    def __init__(self, force: bool, only_cached: bool, fail_fast: bool) -> None:
        self.force = force
        self.only_cached = only_cached
        self.fail_fast = fail_fast

    @classmethod
    def of(cls, force: bool = False, only_cached: bool = False, fail_fast: bool = False) -> Mode:
        """Return the mode that flags ask for.

        Raises
        ------
        UsageError
            If the flags contradict each other.
        """
        for given, flag in ((force, "--force"), (fail_fast, "--fail-fast")):
            if only_cached and given:
                raise UsageError(
                    f"--only-cached computes nothing, and {flag} needs computation: give only one "
                    "of them"
                )
        wanted = (force, only_cached, fail_fast)
        return next(mode for mode in cls if mode.value == wanted)
