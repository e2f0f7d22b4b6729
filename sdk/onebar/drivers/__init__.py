"""The shells that wait: sockets, HTTP, threads and the clock around an Engine."""
