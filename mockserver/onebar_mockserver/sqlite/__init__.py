"""The embedded engine: SQLite behind the ports, one writer thread, one commit for a batch."""

from onebar_mockserver.sqlite.database import DatabaseError
from onebar_mockserver.sqlite.engine import SqliteEngine

__all__ = ["DatabaseError", "SqliteEngine"]
