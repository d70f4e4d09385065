"""The day it is where the Union works."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")


def today() -> date:
    """The local date in Việt Nam."""
    return datetime.now(ZONE).date()
