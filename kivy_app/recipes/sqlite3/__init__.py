"""SQLite 3.50.4 with FTS5, which its sources leave out unless asked and search needs."""

from typing import Any

from pythonforandroid.recipes.sqlite3 import Sqlite3Recipe as Older


class Sqlite3Recipe(Older):  # type: ignore[misc]
    """The same build, with full-text search; SQLite's configure takes features from the compiler's flags."""

    version = "3.50.4"

    def get_recipe_env(self, arch: Any = None, **options: Any) -> Any:
        """Return the environment of the build."""
        env = super().get_recipe_env(arch, **options)
        env["CFLAGS"] += " -DSQLITE_ENABLE_FTS5"
        return env


recipe = Sqlite3Recipe()
