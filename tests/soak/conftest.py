from tests.mockserver.conftest import server

__all__ = ["server"]
