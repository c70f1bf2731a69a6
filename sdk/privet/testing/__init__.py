"""For the tests of applications that embed privet: real stores, a clock to set, a search for leaks.

Nothing here is a mock: ``deployment`` opens the same stores behind the same gate, only
without waiting for the disk.
"""

from privet.testing.clock import FakeClock
from privet.testing.home import agrees, deployment
from privet.testing.keyrings import check_keyring
from privet.testing.scan import Hit, scan

__all__ = ["FakeClock", "Hit", "agrees", "check_keyring", "deployment", "scan"]
