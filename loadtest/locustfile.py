"""Thousands of real phones on terrible networks, for Locust.

With a backend of its own:

LOCUST_SKIP_MONKEY_PATCH=1 locust -f loadtest/locustfile.py --headless -u 500 -r 50 -t 2m --backend
"""

from onebar_loadtest.hooks import install
from onebar_loadtest.users import PhoneUser

install()


class Person(PhoneUser):
    """Does what the workload of the run says."""
