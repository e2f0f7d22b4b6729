"""The Onebar backend: durable, authenticated, limited, and started inside a test in milliseconds.

`MockServer` runs one in this process, `onebar-mockserver` (see `__main__`) runs one from a terminal.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onebar_mockserver.faults import Faults
    from onebar_mockserver.mock import MockServer

__all__ = ["Faults", "MockServer"]


def __getattr__(name: str) -> object:
    """Import on first use, so that `import onebar_mockserver.ports` does not load a web server."""
    if name == "MockServer":
        from onebar_mockserver.mock import MockServer

        return MockServer
    if name == "Faults":
        from onebar_mockserver.faults import Faults

        return Faults
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
