"""libsodium 1.0.22: python-for-android's own recipe is of 2018."""

from pythonforandroid.recipes.libsodium import LibsodiumRecipe as Older


class LibsodiumRecipe(Older):  # type: ignore[misc]
    """The same build, a newer release."""

    version = "1.0.22"
    patches = ()


recipe = LibsodiumRecipe()
