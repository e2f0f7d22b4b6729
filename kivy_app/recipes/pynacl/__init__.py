"""PyNaCl 1.6.2, against the libsodium of the recipe beside this one."""

from pythonforandroid.recipes.pynacl import PyNaCLRecipe as Older


class PyNaCLRecipe(Older):  # type: ignore[misc]
    """The same build, the release that the SDK needs."""

    version = "1.6.2"


recipe = PyNaCLRecipe()
