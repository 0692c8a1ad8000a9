"""A vendor of market data that answers as TuShare does, from made-up data, on loopback.

`market` has the stocks, `statements` what companies report, `interfaces` the data sets,
`server` the wire format, limits, bans, lateness and defects. The same question has the same answer
in each process, and nothing is made before it is asked for.
"""

from vendor.market import Market
from vendor.server import Defect, Vendor, open_vendor

__all__ = ["Defect", "Market", "Vendor", "open_vendor"]
