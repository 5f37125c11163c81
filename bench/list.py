"""What a grid can be made of: ``python -m bench.list``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.base.command import command
from bench.planning.options import takes_settings


@command("python -m bench.list")
@takes_settings(["plugins"])
def main(settings: dict[str, Any]) -> int:
    """List all data sets, models, reducers, clusterers and presets.

    If an item needs a package that is not installed, the command that installs it is shown.
    """
    return print_items(settings.get("plugins", []))


def print_items(plugins: Iterable[Path]) -> int:
    """Print all items, those of plugin files among them; return the exit code."""
    from bench.base.extras import how_to_install
    from bench.planning.plugins import REGISTRIES, load_plugins
    from bench.planning.presets import PRESETS

    load_plugins(plugins)
    for kind, registry in REGISTRIES.items():
        print(f"{kind.capitalize()}s")
        for entry in registry:
            install = how_to_install(entry.item)
            if entry.origin is None:
                more = f"; needs {install}" if install else ""
                print(f"  {entry.name:<18} {entry.summary}{more}")
    print("Presets")
    for name, preset in PRESETS.items():
        print(f"  {name:<18} {preset.summary}")
    print("Each model that trains also exists as untrained-NAME; untrained means all of them.")
    print(
        "Each grid also has pixels, its models untrained and the chain none as baselines, "
        "unless --no-baselines is given."
    )
    return 0


if __name__ == "__main__":
    main()
