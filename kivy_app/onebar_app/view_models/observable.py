"""Who wants to know of changes."""

from collections.abc import Callable


class Observable:
    """Something that a screen shows, and that tells it when to look again."""

    def __init__(self) -> None:
        self._watchers: list[Callable[[], None]] = []

    def watch(self, watcher: Callable[[], None]) -> Callable[[], None]:
        """Call at each change from now on; what is returned ends it."""
        self._watchers.append(watcher)

        def unwatch() -> None:
            if watcher in self._watchers:
                self._watchers.remove(watcher)

        return unwatch

    def changed(self) -> None:
        """Tell everybody."""
        for watcher in list(self._watchers):
            watcher()
