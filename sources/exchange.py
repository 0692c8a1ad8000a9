"""What the exchanges of Shanghai and Shenzhen charge for a trade in shares, as announced."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from nomad.extract.context import Context

_RATES = (
    ("stamp_duty", "sell", "2008-09-19", "0.001"),
    ("stamp_duty", "sell", "2023-08-28", "0.0005"),
    ("transfer", "both", "2015-08-01", "0.00002"),
    ("transfer", "both", "2022-04-29", "0.00001"),
    ("handling", "both", "2015-08-01", "0.0000487"),
    ("handling", "both", "2023-08-28", "0.0000341"),
)
"""Fee, who pays it, the first day on which it holds, and the share of a trade's amount."""


def fee_rates(_context: Context) -> Iterator[dict[str, object]]:
    """Give each rate with the first day on which it holds."""
    for fee, side, valid_from, rate in _RATES:
        yield {"fee": fee, "side": side, "valid_from": valid_from, "rate": Decimal(rate)}
