"""The vendor's wire format: accounts, limits, bans, lateness, and what can be wrong on purpose."""

from __future__ import annotations

import json
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from threading import Lock
from typing import Any

from vendor.fields import DEFAULT, FIELDS
from vendor.interfaces import INTERFACES, Question, Row, ready
from vendor.market import Market, chance, open_between, spelled
from web import Asked, Reply, Web, serving

_DOC = "https://tushare.pro/document/1?doc_id=108"
_LEVELS = {120: 50, 2000: 200, 5000: 500}
_SHANGHAI = timedelta(hours=8)
_PATIENCE = 20
"""Over its limit, an account is told so as often; then its address is banned."""


class Defect(StrEnum):
    """What the vendor does wrong, one at a time."""

    MISSING_ROWS = "missing_rows"
    TRUNCATED_PAGE = "truncated_page"
    RENAMED_COLUMN = "renamed_column"
    NEW_COLUMN = "new_column"
    YESTERDAY = "yesterday"
    HTML = "html"
    EMPTY = "empty"
    DUPLICATED_PAGE = "duplicated_page"
    OTHER_UNIT = "other_unit"
    NO_POINTS = "no_points"
    LATE = "late"
    WRONG_CODES = "wrong_codes"


class _Fault(Exception):
    def __init__(self, code: int, msg: str) -> None:
        super().__init__(msg)
        self.code, self.msg = code, msg


@dataclass
class Vendor:
    """Answers one request after another.

    `accounts` have points by their token; `clock` gives the seconds since 1970 at which it
    answers, so that rows of a day may not be there yet. A `minute` may be short for tests; `calls`
    are allowed in it, where that isn't left to the account. `caps` are rows of a page by
    interface. `defects` hold for `only` these interfaces, or all.
    """

    market: Market = field(default_factory=lambda: Market(12))
    accounts: Mapping[str, int] = field(default_factory=lambda: {"token-of-tests": 2000})
    clock: Callable[[], float] = time.time
    minute: float = 60.0
    calls: int = 0
    caps: Mapping[str, int] = field(default_factory=dict)
    defects: set[Defect] = field(default_factory=set)
    only: tuple[str, ...] = ()
    heeds_offset: bool = True
    asked: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    at: list[float] = field(default_factory=list)
    over: int = 0
    bans: int = 0
    before_answer: Callable[[str, Mapping[str, str]], None] = lambda _api, _params: None
    url: str = ""

    def __post_init__(self) -> None:
        self._lock = Lock()
        self._recent: dict[tuple[str, str], deque[float]] = defaultdict(deque)
        self._banned_until = 0.0

    @property
    def now(self) -> datetime:
        """The time in Shanghai."""
        told = datetime.fromtimestamp(self.clock(), UTC) + _SHANGHAI
        return told.replace(tzinfo=None)

    def count(self, api: str, **params: str) -> int:
        """How often an interface was asked for these parameters."""
        return sum(a == api and params.items() <= p.items() for a, p in self.asked)

    def answer(self, asked: Asked) -> Reply:
        body = asked.json
        api = body.get("api_name", "")
        params = {k: str(v) for k, v in (body.get("params") or {}).items() if v not in (None, "")}
        with self._lock:
            self.asked.append((api, params))
            self.at.append(time.monotonic())
            if time.monotonic() < self._banned_until:
                return Reply("forbidden", 403)
        self.before_answer(api, params)
        if self._is_wrong(Defect.HTML, api):
            return Reply(
                "<html><body>系统维护中</body></html>", headers=(("Content-Type", "text/html"),)
            )
        try:
            data = self._data(body, api, params)
            told = {"request_id": f"r{len(self.asked)}", "code": 0, "data": data, "msg": ""}
        except _Fault as e:
            told = {"request_id": "r", "code": e.code, "data": None, "msg": e.msg}
        return Reply(json.dumps(told, ensure_ascii=False).encode())

    def _is_wrong(self, defect: Defect, api: str) -> bool:
        return defect in self.defects and api in (self.only or INTERFACES)

    def _data(self, body: Mapping[str, Any], api: str, params: dict[str, str]) -> dict[str, Any]:
        if body.get("token") not in self.accounts:
            raise _Fault(40101, "您的token不对，请确认。")
        if api not in INTERFACES:
            raise _Fault(40101, "请指定正确的接口名")
        self._refuse_unasked(api, params)
        points = self.accounts[body["token"]]
        if points < INTERFACES[api].points or self._is_wrong(Defect.NO_POINTS, api):
            raise _Fault(40203, f"抱歉，您没有接口({api})访问权限，权限的具体详情访问：{_DOC}。")
        self._take(body["token"], api, points)
        names = _names(api, body.get("fields") or "")
        return self._page(api, params, names, self._rows(api, params))

    def _refuse_unasked(self, api: str, params: Mapping[str, str]) -> None:
        required = INTERFACES[api].required
        if required and not any(name in params for name in required.split("|")):
            raise _Fault(50101, f"必填参数, {required.split('|')[0]}")
        for name in ("trade_date", "start_date", "end_date", "ann_date", "period"):
            text = params.get(name, "20240101")
            if len(text) != 8 or not text.isdigit():
                raise _Fault(50101, "查询数据失败，请确认参数！可以反馈管理员协助您排查问题")

    def _take(self, token: str, api: str, points: int) -> None:
        """Count a call; too many within a minute are refused, and who goes on is banned."""
        level = max((n for n in _LEVELS if n <= points), default=120)
        most = self.calls or INTERFACES[api].calls or _LEVELS[level]
        with self._lock:
            recent, now = self._recent[token, api], time.monotonic()
            while recent and now - recent[0] >= self.minute:
                recent.popleft()
            if len(recent) < most:
                recent.append(now)
                return
            self.over += 1
            if self.over % _PATIENCE == 0:
                self.bans += 1
                self._banned_until = now + 10 * self.minute
        raise _Fault(
            40203, f"抱歉，您访问接口({api})频率超限({most}次/分钟)，具体频次详情：{_DOC}。"
        )

    def _rows(self, api: str, params: dict[str, str]) -> list[Row]:
        question = Question(self.market, params, self.now)
        if self._is_wrong(Defect.EMPTY, api):
            return []
        one = question.day("trade_date")
        if one and self._is_wrong(Defect.LATE, api) and self.now < ready(one, 24 + 12):
            return []
        if one and self._is_wrong(Defect.YESTERDAY, api):
            *_, before = open_between(one - timedelta(15), one - timedelta(1))
            question = question._replace(params={**params, "trade_date": spelled(before)})
            rows = [{**row, "trade_date": spelled(one)} for row in INTERFACES[api].answer(question)]
        else:
            rows = list(INTERFACES[api].answer(question))
        return self._spoiled(api, rows)

    def _spoiled(self, api: str, rows: list[Row]) -> list[Row]:
        if self._is_wrong(Defect.MISSING_ROWS, api):
            rows = rows[1:]
            rows = [r for r in rows if chance("missing", *r.values()) > 0.05]
        if self._is_wrong(Defect.OTHER_UNIT, api):
            rows = [{**r, "vol": round(r["vol"] * 100, 2)} if "vol" in r else r for r in rows]
        if self._is_wrong(Defect.WRONG_CODES, api):
            codes = [r.get("ts_code") for r in rows]
            rows = [{**r, "ts_code": c} for r, c in zip(rows, codes[1:] + codes[:1], strict=True)]
        return rows

    def _page(
        self, api: str, params: Mapping[str, str], names: list[str], rows: list[Row]
    ) -> dict[str, Any]:
        cap = self.caps.get(api, INTERFACES[api].cap)
        limit = min(cap, int(params.get("limit", cap)))
        offset = int(params.get("offset", 0)) if self.heeds_offset else 0
        if self._is_wrong(Defect.DUPLICATED_PAGE, api) and offset:
            offset = max(0, offset - limit)
        if self._is_wrong(Defect.TRUNCATED_PAGE, api):
            rows = rows[: min(limit, len(rows)) * 3 // 5]
        here = rows[offset : offset + limit]
        items = [[row.get(name) for name in names] for row in here]
        if self._is_wrong(Defect.RENAMED_COLUMN, api):
            names = ["close_price" if n == "close" else n for n in names]
        if self._is_wrong(Defect.NEW_COLUMN, api):
            names, items = [*names, "new_field"], [[*item, 1] for item in items]
        more = offset + len(here) < len(rows)
        return {"fields": names, "items": items, "has_more": more, "count": -1}


def _names(api: str, fields: str | list[str]) -> list[str]:
    """Those that are asked for, in the vendor's own order."""
    asked = fields.split(",") if isinstance(fields, str) else fields
    wanted = [f.strip() for f in asked if f.strip()]
    return [f for f in FIELDS[api] if f in wanted] if wanted else list(DEFAULT[api])


@contextmanager
def open_vendor(vendor: Vendor | None = None, **how: Any) -> Iterator[Vendor]:
    """Have a vendor answer on loopback for a while."""
    vendor = vendor or Vendor(**how)
    with serving(vendor.answer) as web:
        assert isinstance(web, Web)
        vendor.url = web.url
        yield vendor
