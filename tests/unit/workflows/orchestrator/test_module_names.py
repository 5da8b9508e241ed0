"""The names at the top level of a module's source."""

from __future__ import annotations

import pytest

from moonmind.workflows.orchestrator.package_index.module_names import top_level_names


@pytest.mark.parametrize(
    ("source", "names"),
    [
        (b"", set()),
        (b"a = b.c = d[0] = 1\n(e, *f), g = x\nh: int = 1\ni: int\nj += 1\n", {"a", "e", "f", "g", "h", "i", "j"}),
        (b"def f(x):\n  y = 1\nasync def g(): pass\nclass C:\n  z = 1\n", {"f", "g", "C"}),
        (b"import a.b\nimport c.d as e\nfrom .f import g, h as i\n", {"a", "e", "g", "i"}),
        (b"try:\n  import a\nexcept ImportError:\n  a = b = None\nelse:\n  c = 1\nfinally:\n  d = 1\n", set("abcd")),
        (b"if X:\n  a = 1\nelif (b := Y):\n  c = 1\nfor d in e:\n  f = 1\nwith g() as h:\n  i = 1\n", set("abcdfhi")),
        (b"match x:\n  case {'a': b, **c}:\n    d = 1\n  case [e, *f] as g:\n    pass\n", set("bcdefg")),
        (b"a = [b for b in c]\nd = lambda e: e\n", {"a", "d"}),
        (b"def f():\n  global made\n  made = 1\n", {"f", "made"}),
        (b"def f():\n  locals()\n  setattr(f, 'x', 1)\n", {"f"}),
        (b"class Lazy:\n  def __getattr__(self, name): ...\n", {"Lazy"}),
        (b"# -*- coding: latin-1 -*-\ncaf\xe9 = 1\n", {"café"}),
        (b"pattern = '\\d'\n", {"pattern"}),
    ],
)
def test_assigned_defined_and_imported_names(source: bytes, names: set[str]) -> None:
    assert top_level_names(source) == names


@pytest.mark.parametrize(
    "source",
    [
        b"def __getattr__(name): ...\n",
        b"from .impl import *\n",
        b"if X:\n  from .impl import *\n",
        b"globals().update(x)\n",
        b"def f():\n  globals()['x'] = 1\nf()\n",
        b"exec('x = 1')\n",
        b"locals()['x'] = 1\n",
        b"import sys\nsys.modules[__name__] = Lazy()\n",
    ],
)
def test_a_module_that_makes_names_at_run_time_says_that_there_are_more(source: bytes) -> None:
    assert "*" in (top_level_names(source) or ())


def test_the_names_that_such_a_module_shows_are_its_own() -> None:
    assert top_level_names(b"from .errors import *\nfrom .settings import Settings\n") == {"*", "Settings"}


@pytest.mark.parametrize("source", [b"print 'two'\n", b"\x00\x01", b"(" * 5000, b"a = " + b"-" * 100_000 + b"1\n"])
def test_what_is_no_python_of_ours_is_not_judged(source: bytes) -> None:
    assert top_level_names(source) is None
