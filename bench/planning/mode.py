"""What a run does about results that are in the store already."""

from __future__ import annotations

from enum import Enum

from bench.base.errors import UsageError


class Mode(Enum):
    """Which tasks of a plan are done, and whether the first failure stops the rest.

    A run that computes nothing cannot be forced, nor can it fail: there is no member for that.
    """

    MISSING = "do what is not in the store"
    MISSING_FAIL_FAST = "do what is not in the store, until a task fails"
    ALWAYS = "do everything again"
    ALWAYS_FAIL_FAST = "do everything again, until a task fails"
    CACHED = "do nothing: report from what is in the store"

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
                    f"--only-cached computes nothing and {flag} is about computing: give one of "
                    "them"
                )
        if only_cached:
            return cls.CACHED
        if force:
            return cls.ALWAYS_FAIL_FAST if fail_fast else cls.ALWAYS
        return cls.MISSING_FAIL_FAST if fail_fast else cls.MISSING

    @property
    def force(self) -> bool:
        """Whether tasks are done again although their results are in the store."""
        return self in (Mode.ALWAYS, Mode.ALWAYS_FAIL_FAST)

    @property
    def fail_fast(self) -> bool:
        """Whether the first failure stops the rest."""
        return self in (Mode.MISSING_FAIL_FAST, Mode.ALWAYS_FAIL_FAST)

    @property
    def only_cached(self) -> bool:
        """Whether nothing is computed."""
        return self is Mode.CACHED
