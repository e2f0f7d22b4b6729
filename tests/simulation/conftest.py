"""What every test here shares."""

from tests.databases import databases_are_closed

__all__ = ["databases_are_closed"]
