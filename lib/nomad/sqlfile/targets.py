"""What the tokens of a statement say it writes: INSERT, CREATE, and what changes a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlglot.tokens import Token, TokenType

from nomad.errors import SqlFileError
from nomad.partitions import COLUMN
from nomad.sqlfile.variables import SENTINEL

QUERY = {"SELECT", "WITH", "FROM", "(", "VALUES", "TABLE", "PIVOT", "UNPIVOT", "SUMMARIZE"}
"""The words a query begins with."""
TEMPORARY = {"TEMP", "TEMPORARY"}


def words_of(tokens: Sequence[Token], most: int) -> list[str]:
    """Give the first words of a statement, in upper case."""
    return [t.text.upper() for t in tokens[:most]]


def after_create(words: Sequence[str]) -> int:
    """Step over `CREATE [OR REPLACE]`."""
    return 3 if words[1:3] == ["OR", "REPLACE"] else 1


def after_if(words: Sequence[str], at: int) -> int:
    """Step over `IF [NOT] EXISTS`."""
    if words[at : at + 1] == ["IF"]:
        return at + (3 if words[at + 1 : at + 2] == ["NOT"] else 2)
    return at


def target(tokens: Sequence[Token], at: int) -> tuple[str, Token, int]:
    """Read `[db.][schema.]name`; give the schema, the name, and where it ends."""
    schema = ""
    at = min(at, len(tokens) - 1)
    while at + 2 < len(tokens) and tokens[at + 1].token_type == TokenType.DOT:
        schema = tokens[at].text
        at += 2
    return schema, tokens[at], at + 1


def insert_within(tokens: Sequence[Token]) -> int:
    """Find the INSERT behind the CTEs of a WITH; 0 where it is a query."""
    depth = 0
    for i, token in enumerate(tokens):
        kind = token.token_type
        depth += (kind == TokenType.L_PAREN) - (kind == TokenType.R_PAREN)
        if not depth and kind == TokenType.INSERT and words_of(tokens[i + 1 :], 1) == ["INTO"]:
            return i
    return 0


def after_into(words: Sequence[str], at: int) -> tuple[int | None, bool]:
    """Step over `INSERT [OR REPLACE] INTO`, or Hive's `INSERT OVERWRITE [TABLE]`."""
    if words[at + 1 : at + 2] == ["OVERWRITE"]:
        return at + 2 + (words[at + 2 : at + 3] in (["TABLE"], ["INTO"])), True
    into = next((i for i in range(at, len(words)) if words[i] == "INTO"), None)
    if into is None:
        return None, False
    return into + 1 + (words[into + 1 : into + 3] == ["TABLE"]), False


def listed(tokens: Sequence[Token], at: int) -> tuple[tuple[str, ...], int]:
    """Read the columns listed behind a target, if there are any."""
    opens = at + 1 < len(tokens) and tokens[at].token_type == TokenType.L_PAREN
    if not opens or tokens[at + 1].text.upper() in QUERY:
        return (), at
    closes = next(
        (i for i in range(at, len(tokens)) if tokens[i].token_type == TokenType.R_PAREN), at
    )
    inner = tokens[at + 1 : closes]
    return tuple(t.text for t in inner if t.token_type != TokenType.COMMA), closes + 1


def changed_at(words: Sequence[str]) -> int:
    """Step over `DROP TABLE [IF EXISTS]`, `DELETE FROM`, `UPDATE`, `ALTER TABLE` and the like."""
    at = 1
    at += words[at : at + 1] in (["TABLE"], ["VIEW"], ["FROM"], ["ONLY"])
    return after_if(words, at)


def is_as(token: Token) -> bool:
    """Tell the AS before a query."""
    return token.token_type == TokenType.ALIAS


def made_by(cut: Sequence[list[Token]], table: str) -> Iterator[str]:
    """Name the tables that a file makes for itself: temporary ones, or of another bare name."""
    for tokens in cut:
        words = words_of(tokens, 8)
        at = after_create(words)
        temporary = words[at : at + 1] and words[at] in TEMPORARY
        at += bool(temporary)
        if words[0] == "CREATE" and words[at : at + 1] and words[at] in ("TABLE", "VIEW"):
            schema, name, _ = target(tokens, after_if(words, at + 1))
            if temporary or (not schema and name.text.lower() != table.lower()):
                yield name.text.lower()


def blanked(text: str, begin: int, query: Sequence[Token]) -> str:
    """Put blanks in place of an INSERT between its CTEs and its query: lines stay as they are."""
    end = query[0].start if query else len(text)
    blank = "".join(c if c == "\n" else " " for c in text[begin:end])
    return text[:begin] + blank + text[end:]


def partition(tokens: Sequence[Token], at: int, *, where: str) -> int:
    """Step over Hive's `PARTITION (dt [= '…'])`; the partition is that of the run.

    Raises:
        SqlFileError: it is another one.
    """
    if words_of(tokens[at:], 1) != ["PARTITION"]:
        return at
    closes = next(
        (i for i in range(at, len(tokens)) if tokens[i].token_type == TokenType.R_PAREN), at
    )
    words = [t.text for t in tokens[at + 2 : closes]]
    if [w.lower() for w in words[:1]] != [COLUMN] or words[1:] not in ([], ["=", SENTINEL]):
        raise SqlFileError(
            "`INSERT OVERWRITE` of a partition other than the one that is built",
            where=where,
            hint="write `partition (dt = '$<PARTITION_DATE>')`, or the SELECT alone",
        )
    return closes + 1
