"""The former name of `bench.select`, for one release."""

from bench.base.command import warn
from bench.select import main

if __name__ == "__main__":
    warn("python -m bench.trust is now python -m bench.select")
    main()
