"""HTTP dates: one form to write, three to read (RFC 9110 section 5.6.7).

English names are spelt out here, because the system's depend on its language settings.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

DAYS = (b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun")
MONTHS = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_CLOCK = rb"([0-9]{2}):([0-9]{2}):([0-9]{2})"
_DAY, _MONTH = rb"(?:" + b"|".join(DAYS) + rb")", rb"(" + b"|".join(MONTHS) + rb")"
_LONG = rb"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
# IMF-fixdate = day-name "," SP date1 SP time-of-day SP GMT
IMF_FIXDATE = re.compile(_DAY + rb", ([0-9]{2}) " + _MONTH + rb" ([0-9]{4}) " + _CLOCK + rb" GMT")
# rfc850-date = day-name-l "," SP date2 SP time-of-day SP GMT
RFC850 = re.compile(_LONG + rb", ([0-9]{2})-" + _MONTH + rb"-([0-9]{2}) " + _CLOCK + rb" GMT")
# asctime-date = day-name SP date3 SP time-of-day SP year
ASCTIME = re.compile(_DAY + rb" " + _MONTH + rb" ([ 0-9][0-9]) " + _CLOCK + rb" ([0-9]{4})")


@lru_cache(1024)
def write_date(seconds: int) -> bytes:
    """Give Unix time as an IMF-fixdate."""
    at = EPOCH + timedelta(seconds=seconds)
    day, month = DAYS[at.weekday()], MONTHS[at.month - 1]
    return b"%s, %02d %s %04d %02d:%02d:%02d GMT" % (day, at.day, month, at.year, at.hour, at.minute, at.second)


def read_date(text: bytes, now: int) -> int | None:
    """Give the Unix time in seconds that a date says.

    Parameters
    ----------
    text
        The value of a field, without blanks around it. Any of the three forms: a recipient must know all of them.
    now
        Unix time in seconds. It decides which century a year of two digits is in: more than 50 years ahead means the
        past.

    Returns
    -------
    int, or None
        None: this is no date, or one that no calendar has; fields with it are to be ignored.
    """
    if match := IMF_FIXDATE.fullmatch(text):
        day, month, year, hours, minutes, seconds = match.groups()
    elif match := RFC850.fullmatch(text):
        day, month, year, hours, minutes, seconds = match.groups()
        this = (EPOCH + timedelta(seconds=now)).year
        full = this - this % 100 + int(year)
        year = b"%04d" % (full - 100 if full > this + 50 else full)
    elif match := ASCTIME.fullmatch(text):
        month, day, hours, minutes, seconds, year = match.groups()
    else:
        return None
    try:
        number = MONTHS.index(month) + 1
        at = datetime(int(year), number, int(day), int(hours), int(minutes), int(seconds), tzinfo=UTC)
    except ValueError:
        return None
    return int((at - EPOCH).total_seconds())
