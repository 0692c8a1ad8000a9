"""Which encoding a text has, told from its bytes; not told where two may be meant.

A text is UTF-8 where all of it is. Else it is that of the encodings below in which all of it can be
read, and as what people write: Chinese of everyday signs, letters of one alphabet.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import IO, NamedTuple

_SAMPLE = 1 << 18
"""So many bytes of lines that are not plain ASCII tell the encoding."""
_CHUNK = 1 << 20

_MARKS = {
    codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16",
}  # fmt: skip
"""What a text begins with that says its encoding; the longer mark first."""


class Told(NamedTuple):
    """The encodings that a text may have: one, or those between which only a reader can choose."""

    encodings: tuple[str, ...]


_UTF8 = Told(("utf-8",))


def detect(path: Path) -> Told:
    """Tell the encoding of a text; none, or several, where it can't be told."""
    with path.open("rb") as f:
        if (marked := _marked(f.read(_CHUNK))) is not None:
            return marked
        f.seek(0)
        sample = _sample(f)
    return of_bytes(sample) if sample is not None else _UTF8


def of_head(head: bytes) -> Told:
    """Tell the encoding of a text by what it begins with; half a line at the end doesn't count."""
    whole = head[: head.rfind(b"\n") + 1] or head
    sample = _sample(io.BytesIO(whole))
    return _marked(head) or (of_bytes(sample) if sample is not None else _UTF8)


def _marked(head: bytes) -> Told | None:
    """Tell it by a mark at the beginning, or by zeros, which are in none of those below."""
    marked = next((e for mark, e in _MARKS.items() if head.startswith(mark)), None)
    if marked or b"\0" in head:
        return Told((marked,) if marked else ())
    return None


def _sample(f: IO[bytes]) -> bytes | None:
    """Give lines that are not plain ASCII; None where the whole text is UTF-8."""
    taken: list[bytes] = []
    size, good = 0, True
    while (lines := f.readlines(_CHUNK)) and (good or size < _SAMPLE):
        block = b"".join(lines)
        if block.isascii():
            continue
        good = good and _is_utf8(block)
        for line in lines if size < _SAMPLE else []:
            if not line.isascii():
                taken.append(line)
                size += len(line)
    return None if good else b"".join(taken)


def _is_utf8(block: bytes) -> bool:
    try:
        block.decode()
    except UnicodeDecodeError:
        return False
    return True


def of_bytes(sample: bytes) -> Told:
    """Tell the encoding of some lines that are no UTF-8.

    Example:
        >>> of_bytes("代码,名称,最新价".encode("gbk")).encodings
        ('gb18030',)
        >>> of_bytes("Müller,Köln,Weißbier".encode("cp1252")).encodings
        ('cp1252',)
        >>> of_bytes("Chloè".encode("cp1252")).encodings
        ('cp1252', 'cp1250')
    """
    texts: dict[str, str] = {}
    for encoding, plausible in _ENCODINGS.items():
        try:
            text = sample.decode(encoding)
        except UnicodeDecodeError:
            continue
        if plausible(text) and text not in texts.values():
            texts[encoding] = text
    rivals = _more_likely(texts)
    return Told(tuple(rivals))


def _more_likely(texts: Mapping[str, str]) -> list[str]:
    """Take the narrowest of three encodings whose signs hold each other.

    Half of the everyday signs of Chinese are none of Korean, a quarter none of Japanese: of enough
    signs, that none is among them is no accident.
    """
    narrow = ("cp949", "euc_jp", "gb18030")
    there = [e for e in narrow if e in texts]
    if there and len(set(_beyond(texts[there[0]]))) >= _ENOUGH:
        return [e for e in texts if e not in there[1:]]
    return list(texts)


_ENOUGH = 40
"""Different signs."""
_MOST = 0.98
"""So much of what is no ASCII is what is expected; names from elsewhere are the rest."""

_NEUTRAL = frozenset("“”„‘’–—…«»°§€©®·\u00a0\u3000、。，：；（）！？《》【】・")
"""Signs that any text may have."""


def _beyond(text: str) -> list[str]:
    """Give the characters that are no ASCII and may tell something."""
    return [c for c in text if c > "\x7f" and c not in _NEUTRAL]


# Signs -------------------------------------------------------------------------------------------


def _signs(
    codec: str, first: int, last: int, *, also: str = "", share: float = _MOST
) -> Callable[[str], bool]:
    """Tell a text whose signs are those of everyday, which a codec has from one byte to another."""

    def plausible(text: str) -> bool:
        signs = (
            [c for c in _beyond(text) if not re.match(f"[{also}]", c)] if also else _beyond(text)
        )
        if not signs:
            return bool(_beyond(text))
        common = sum(_leads(c, codec, first, last) for c in signs)
        return common >= share * len(signs)

    return plausible


def _leads(character: str, codec: str, first: int, last: int) -> bool:
    try:
        data = character.encode(codec)
    except UnicodeEncodeError:
        return False
    return len(data) == 2 and first <= data[0] <= last  # noqa: PLR2004


def _chinese(text: str) -> bool:
    """Tell Chinese: nearly all of GB 2312's signs, and most of them of its everyday half."""
    signs = _beyond(text)
    common = sum(_leads(c, "gb2312", 0xB0, 0xD7) for c in signs)
    known = common + sum(_leads(c, "gb2312", 0xD8, 0xF7) for c in signs)
    return bool(signs) and common >= _EVERYDAY * len(signs) and known >= _KNOWN * len(signs)


def _traditional(text: str) -> bool:
    """Tell traditional Chinese, of which every other sign ends in a byte of ASCII.

    That none of a few does is chance; of many, it says that the text is another's.
    """
    signs = _beyond(text)
    low = sum(c.encode("big5")[-1] < _ASCII for c in signs)
    few = len(set(signs)) < _FEW
    return _signs("big5", 0xA4, 0xC6)(text) and (few or low * 8 >= len(signs))


_ASCII = 0x80
_FEW = 12
"""Different signs: of so many, one time in 400 none ends in a byte of ASCII."""
_EVERYDAY, _KNOWN = 0.7, 0.95


# Alphabets ---------------------------------------------------------------------------------------


def _letters(*alphabets: str, latin: bool = True) -> Callable[[str], bool]:
    """Tell a text whose letters beyond ASCII are of one alphabet, with capitals where they go.

    Only those of Latin stand in one word with letters of ASCII.
    """
    both = [frozenset(a + a.upper()) for a in alphabets]

    def plausible(text: str) -> bool:
        signs = _beyond(text)
        fits = any(sum(c in a for c in signs) >= _MOST * len(signs) for a in both)
        return fits and _oddities(text, latin=latin) <= _ODD * len(signs)

    return plausible


def _oddities(text: str, *, latin: bool) -> int:
    """Count the letters that stand where none of their kind does."""
    pairs = [(a, b) for a, b in pairwise(text) if not (a + b).isascii()]
    odd = sum(a.islower() and b.isupper() for a, b in pairs)
    mixed = [(a, b) for a, b in pairs if a.isalpha() and b.isalpha() and a.isascii() != b.isascii()]
    return odd + (0 if latin else len(mixed))


_ODD = 0.1

_RUSSIAN = "абвгдежзийклмнопрстуфхцчшщъыьэюяё"
_GERMAN = "äöüß"
_ENCODINGS: Mapping[str, Callable[[str], bool]] = {
    "gb18030": _chinese,
    "big5": _traditional,
    "cp949": _signs("euc_kr", 0xB0, 0xC8),
    "shift_jis": _signs("euc_jp", 0xB0, 0xCF, also="\u3041-\u30fe", share=0.9),
    "euc_jp": _signs("euc_jp", 0xB0, 0xCF, also="\u3041-\u30fe", share=0.9),
    "cp1252": _letters(
        _GERMAN, "àâæçéèêëîïôœùûüÿ", "áéíñóúüïçº", "áâãàçéêíóôõúüº", "àèéìíîòóùú", "åäöæøéü",
        "éëïöüèêáó",
    ),
    "cp1250": _letters(
        _GERMAN, "ąćęłńóśźż", "áčďéěíňóřšťúůýžäĺľôŕ", "áéíóöőúüű", "čćđšž", "ăâîşţ"
    ),
    "cp1251": _letters(_RUSSIAN, "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя№", latin=False),
    "koi8_r": _letters(_RUSSIAN, latin=False),
    "cp1253": _letters("αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋΐΰ", latin=False),
    "cp1254": _letters("çğıöşüİâî"),
}  # fmt: skip
"""Encodings that are tried, and what makes a text one of theirs; the usual one of equals first."""
