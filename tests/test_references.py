"""References are found or refused, never lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from nomad.sqlfile import read_by

GOLDEN = Path(__file__).parent / "golden" / "references"


def shapes() -> list[tuple[str, str, set[str]]]:
    found = []
    for path in sorted(GOLDEN.glob("*.sql")):
        for block in path.read_text(encoding="utf-8").split("-- title: ")[1:]:
            title, reads, sql = block.split("\n", 2)
            names = reads.removeprefix("-- reads:").split(",")
            found.append((title, sql.strip().rstrip(";"), {n.strip() for n in names if n.strip()}))
    return found


@pytest.mark.parametrize(("title", "sql", "reads"), shapes(), ids=[s[0] for s in shapes()])
def test_shape(title, sql, reads):
    assert {str(r) for r in read_by(sql, path=title)} == reads
