"""Make assets and trades as CSV, valid and invalid, from a seed; and the list of what is wrong.

Usage: python generate.py FOLDER DATE [ACCOUNTS] [TRADES] [SHARE OF FAULTS]
       python generate.py FOLDER cash_flow DATE...
"""

from __future__ import annotations

import csv
import random
import sys
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

TYPES = (1, 2, 3, 5, 6, 7, 11)
STOCKS = ("000001.SZ", "000333.SZ", "300750.SZ", "600519.SH", "601318.SH", "688981.SH")
STRATEGIES = ("momentum", "reversal", "pairs", "index")
ASSET = (
    "id", "account_id", "account_type", "cash", "frozen_cash", "market_value", "total_asset",
    "updated_at",
)  # fmt: skip
TRADE = (
    "id", "account_id", "account_type", "traded_id", "stock_code", "traded_time", "traded_price",
    "traded_volume", "traded_amount", "strategy_name", "order_remark", "direction", "offset_flag",
    "created_at", "updated_at",
)  # fmt: skip

CASH_FLOW = ("flow_id", "account_id", "flow_date", "kind", "amount")

Faults = set[tuple[int, str]]
"""(row number from 1, test of the contract that it breaks)"""

MONEY = (
    ("traded_price", ("traded_price_range", "amount_is_price_times_volume")),
    ("traded_volume", ("traded_volume_range", "amount_is_price_times_volume")),
    ("traded_amount", ("traded_amount_range", "amount_is_price_times_volume")),
    ("mismatch", ("amount_is_price_times_volume",)),
)
"""Faults of one and the same group: a row has at most one of them."""


def assets(
    rng: random.Random, day: date, count: int, share: float
) -> tuple[list[list[object]], Faults]:
    rows, faults = [], set()
    for n in range(1, count + 1):
        cash, frozen, market = (Decimal(rng.randrange(1, 10_000_000)) / 100 for _ in range(3))
        row = dict(zip(ASSET, (n, f"A{n:06d}", rng.choice(TYPES), cash, frozen, market,
                               cash + frozen + market, stamp(day, 15 * 3600)), strict=True))  # fmt: skip
        if rng.random() < share:
            row["account_type"] = 4
            faults.add((n, "account_type_accepted_values"))
        if rng.random() < share:
            row["total_asset"] += Decimal("0.02")
            faults.add((n, "total_is_the_sum"))
        elif rng.random() < share:
            row["cash"] = -row["cash"]
            faults |= {(n, "cash_range"), (n, "total_is_the_sum")}
        if rng.random() < share and n > 1 and not {f for f in faults if f[0] == n - 1}:
            row["account_id"] = rows[-1][1]
            faults |= {(n, "account_id_unique"), (n - 1, "account_id_unique")}
        rows.append(list(row.values()))
    return rows, faults


def trades(
    rng: random.Random, day: date, count: int, share: float, accounts: list[tuple[str, int]]
) -> Iterator[tuple[list[object], set[str]]]:
    """Give each trade with what it breaks; a copied `traded_id` counts for both of its rows."""
    for n in range(1, count + 1):
        account, kind = accounts[rng.randrange(len(accounts))]
        price = Decimal(rng.randrange(100, 50_000)) / 100
        volume = rng.randrange(1, 50) * 100
        at = stamp(day, 9 * 3600 + 1800 + n % 18_000)
        row = dict(zip(TRADE, (
            n, account, kind, f"T{day:%Y%m%d}{n:08d}", rng.choice(STOCKS), at, price, volume,
            price * volume, rng.choice(STRATEGIES), "", rng.choice((0, 48, 49)),
            rng.randrange(48, 55), at, at,
        ), strict=True))  # fmt: skip
        yield row, spoil(rng, row, share)


def spoil(rng: random.Random, row: dict[str, object], share: float) -> set[str]:
    broken: set[str] = set()
    for column in ("stock_code", "traded_time", "strategy_name", "account_id"):
        if rng.random() < share:
            row[column] = ""
            broken.add(f"{column}_not_null")
    if row["account_id"] and rng.random() < share:
        row["account_id"] = "X" + str(row["account_id"])
        broken.add("account_id_relationships")
    for column, bad in (("direction", 7), ("offset_flag", 47)):
        if rng.random() < share:
            row[column] = bad
            broken.add(f"{column}_{'range' if column == 'offset_flag' else 'accepted_values'}")
    for what, breaks in MONEY:
        if rng.random() < share:
            spoil_money(row, what)
            return broken | set(breaks)
    return broken


def spoil_money(row: dict[str, object], what: str) -> None:
    if what == "mismatch":
        row["traded_amount"] += Decimal("0.02")
    elif what == "traded_volume":
        row[what] = 0
    else:
        row[what] = -row[what]


def stamp(day: date, seconds: int) -> str:
    return str(datetime(day.year, day.month, day.day) + timedelta(seconds=seconds))  # noqa: DTZ001


def write(  # noqa: PLR0917
    folder: Path, day: date, accounts: int = 12, count: int = 40, share: float = 0.01, seed: int = 1
) -> tuple[Faults, Faults]:
    """Write both files; give the faults of the assets and those of the trades."""
    rng = random.Random(f"{seed} {day}")
    rows, of_assets = assets(rng, day, accounts, share)
    save(folder / "asset" / f"{day}.csv", ASSET, rows)
    bad = {n for n, _ in of_assets}
    good = [(str(r[1]), int(str(r[2]))) for n, r in enumerate(rows, 1) if n not in bad]
    of_trades: Faults = set()
    save(
        folder / "trade" / f"{day}.csv",
        TRADE,
        written(rng, trades(rng, day, count, share, good), share, of_trades),
    )
    return of_assets, of_trades


def written(
    rng: random.Random,
    made: Iterator[tuple[dict[str, object], set[str]]],
    share: float,
    faults: Faults,
) -> Iterator[list[object]]:
    """Give the rows; now and then one takes the `traded_id` of the row before it, or loses it."""
    before = ""
    for n, (row, broken) in enumerate(made, 1):
        if before and rng.random() < share:
            row["traded_id"], before = before, ""
            faults |= {(n, "traded_id_unique"), (n - 1, "traded_id_unique")}
        elif rng.random() < share:
            row["traded_id"] = before = ""
            broken.add("traded_id_not_null")
        else:
            before = str(row["traded_id"])
        faults |= {(n, test) for test in broken}
        yield list(row.values())


def write_cash_flows(
    folder: Path, days: Sequence[date], accounts: int = 12, seed: int = 1
) -> list[list[object]]:
    """Write a file for each account with what was paid in and out on some days; give all rows."""
    rng = random.Random(f"{seed} cash_flow")
    everything: list[list[object]] = []
    for n in range(1, accounts + 1):
        account = f"A{n:06d}"
        rows: list[list[object]] = []
        for day in sorted(rng.sample(days, len(days) // 2)):
            amount = Decimal(rng.randrange(1_000, 1_000_000)) / 100
            kind = rng.choice(("deposit", "deposit", "withdrawal"))
            flow = f"F{n:06d}{len(rows) + 1:04d}"
            rows.append([flow, account, day, kind, amount if kind == "deposit" else -amount])
        save(folder / "cash_flow" / f"{account}.csv", CASH_FLOW, iter(rows))
        everything += rows
    return everything


def save(path: Path, columns: tuple[str, ...], rows: Iterator[list[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as f:
        writer = csv.writer(f, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


if __name__ == "__main__":
    where, when, *numbers = sys.argv[1:]
    if when == "cash_flow":
        print(len(write_cash_flows(Path(where), [date.fromisoformat(n) for n in numbers])))  # noqa: T201
        sys.exit()
    kinds = (int, int, float)
    found = write(
        Path(where), date.fromisoformat(when), *(k(n) for k, n in zip(kinds, numbers, strict=False))
    )
    print(*(len(f) for f in found))  # noqa: T201
