"""`make vendor`: the vendor runs until it is interrupted, for a look around."""

from __future__ import annotations

import sys
from contextlib import suppress
from threading import Event

from vendor import Defect, Market, open_vendor

_EXAMPLE = """\
The vendor answers at {url} for the token `{token}` (2,000 points).
In an empty folder, export TUSHARE_TOKEN={token}, and a nomad.yaml to try it with:

timezone: Asia/Shanghai
layers: [ods]
sources:
  daily:
    connector: tushare
    url: {url}
    token: ${{TUSHARE_TOKEN}}
    api: daily
    params: {{trade_date: "$<PARTITION_DATE:%Y%m%d>"}}

then: nomad extract --dt 2024-01-02 && nomad sql "from raw.daily limit 5"

It does something wrong for each of these words behind `make vendor DEFECTS=`: {defects}
Ctrl-C ends it.
"""


def main(words: list[str]) -> None:
    defects = {Defect(word) for word in words}
    with open_vendor(market=Market(300), defects=defects) as vendor:
        (token,) = vendor.accounts
        told = _EXAMPLE.format(url=vendor.url, token=token, defects=", ".join(Defect))
        print(told, flush=True)  # noqa: T201 - it is what is asked for
        with suppress(KeyboardInterrupt):
            Event().wait()


if __name__ == "__main__":
    main(sys.argv[1:])
