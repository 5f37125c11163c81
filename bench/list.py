"""What a grid can be made of: ``python -m bench.list``."""

from __future__ import annotations

from typing import Any

from bench.base.command import main_of, new_app
from bench.planning.options import takes_settings

app = new_app()


@app.command("list")
@takes_settings(["plugins"])
def list_command(settings: dict[str, Any]) -> int:
    """List all data sets, models, reducers, clusterers and presets.

    Also says what to install for those that need a package which is not there.
    """
    from bench.session.terminal import list_items

    return list_items(settings.get("plugins", []))


main = main_of(app, "python -m bench.list")

if __name__ == "__main__":
    main()
