"""Thousands of phones in one process, and a backend that restarts under them."""
