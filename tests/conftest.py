"""Settings for all tests."""

from hypothesis import settings

# No timing assertions in tests: a machine may be busy. Speed belongs in benchmarks.
settings.register_profile("onebar", deadline=None)
settings.load_profile("onebar")
