"""The level of a logged line: what a program says in passing is no failure of it, whatever words it quotes."""

from __future__ import annotations

import re

LOOKED_AT = 400
"""Characters of a line in which its level is looked for."""

_PASSING = r"(?:TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?)"
_FAILING = r"(?:ERROR|CRITICAL|FATAL|PANIC)"
_DATE = r"\d{4}[-/]\d\d[-/]\d\d[T ]"
_TIME = rf"(?:{_DATE})?\d\d:\d\d:\d\d(?:[.,]\d{{1,9}})?(?:Z| ?[+-]\d\d:?\d\d| UTC)?"
_BESIDE = rf"(?:\[(?!{_FAILING})[^\]]{{1,60}}\]|(?!{_FAILING})[\w./:-]{{1,60}} -)"
"""What stands between time and level: a process in brackets, or a logger's name as in `name - INFO`."""

_PLAIN = re.compile(
    rf"^\s{{0,8}}[\[(]?(?:{_TIME})?[\])]?[:,]?\s{{0,4}}(?:[-|]\s{{1,2}})?(?:{_BESIDE}\s{{1,4}}){{0,3}}"
    rf"[\[(<|]?\s?(?:{_PASSING}(?!\w)|(?:debug|info|warn|warning)(?=[:\]]))"
)
_KEY = r"\"(?:level|levelname|log_level|severity|lvl)\""
_NAMED = re.compile(
    rf"^(?:\{{(?:(?!{_KEY}).)*{_KEY}\s{{0,2}}:\s{{0,2}}\"{_PASSING}\""
    rf"|(?:[\w.]{{1,40}}=(?:\"[^\"]*\"|\S*)\s{{1,2}}){{0,6}}(?:level|lvl|severity)=\"?{_PASSING}\b)",
    re.IGNORECASE,
)


def is_in_passing(text: str) -> bool:
    """Whether a line is logged at the level of a warning or below, by the usual forms: `INFO: …`, `[… WARNING/Main] …`,
    `time - name - DEBUG - …`, `level=info …`, `{"level": "warn", …}`."""
    shown = text[:LOOKED_AT]
    return _PLAIN.match(shown) is not None or _NAMED.match(shown) is not None
