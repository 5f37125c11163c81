"""Checks the HW5 report's two worked problems: ``python -m bench.worked``."""

from bench.worked.problems import main

if __name__ == "__main__":
    main()
