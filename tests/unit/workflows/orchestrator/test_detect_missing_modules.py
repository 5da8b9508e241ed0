"""What the detectors see in real logs of Python programs: each text is what such a program prints."""

from __future__ import annotations

from time import perf_counter

import pytest

from moonmind.schemas.workflow_models import Finding, LogSource
from moonmind.workflows.orchestrator.detectors import detect
from moonmind.workflows.orchestrator.detectors.python_modules import (
    BUILD_MODULE_MISSING,
    MODULE_MISSING,
    NAME_MISSING,
    NOT_A_PACKAGE,
)

PLAIN = """\
Traceback (most recent call last):
  File "/app/app.py", line 3, in <module>
    import yaml
ModuleNotFoundError: No module named 'yaml'
"""

WITH_MARKERS_OF_313 = """\
Traceback (most recent call last):
  File "/app/app.py", line 12, in <module>
    main()
    ~~~~^^
  File "/app/app.py", line 8, in main
    from google.cloud import storage
ModuleNotFoundError: No module named 'google'
"""

PYTHON_38_SUBMODULE = """\
Traceback (most recent call last):
  File "app.py", line 1, in <module>
    import google.cloud.storage as gcs
ModuleNotFoundError: No module named 'google.cloud.storage'
"""

GUNICORN = """\
[2024-05-01 10:00:00 +0000] [1] [INFO] Starting gunicorn 22.0.0
[2024-05-01 10:00:00 +0000] [7] [INFO] Booting worker with pid: 7
[2024-05-01 10:00:00 +0000] [7] [ERROR] Exception in worker process
Traceback (most recent call last):
  File "/usr/local/lib/python3.12/site-packages/gunicorn/arbiter.py", line 609, in spawn_worker
    worker.init_process()
  File "/usr/local/lib/python3.12/site-packages/gunicorn/util.py", line 371, in import_app
    mod = importlib.import_module(module)
          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "<frozen importlib._bootstrap>", line 1387, in _gcd_import
  File "<frozen importlib._bootstrap_external>", line 995, in exec_module
  File "/app/wsgi.py", line 2, in <module>
    import flask_cors
ModuleNotFoundError: No module named 'flask_cors'
[2024-05-01 10:00:00 +0000] [7] [INFO] Worker exiting (pid: 7)
[2024-05-01 10:00:01 +0000] [1] [ERROR] Worker (pid:7) exited with code 3
[2024-05-01 10:00:01 +0000] [1] [ERROR] Shutting down: Master
[2024-05-01 10:00:01 +0000] [1] [ERROR] Reason: Worker failed to boot.
"""

GUNICORN_HALTED = (
    GUNICORN
    + """\
Traceback (most recent call last):
  File "/usr/local/bin/gunicorn", line 8, in <module>
    sys.exit(run())
  File "/usr/local/lib/python3.9/site-packages/gunicorn/arbiter.py", line 242, in handle_chld
    self.reap_workers()
gunicorn.errors.HaltServer: <HaltServer 'Worker failed to boot.' 3>
"""
)

UVICORN_RELOAD = """\
INFO:     Will watch for changes in these directories: ['/app']
INFO:     Uvicorn running on http://0.0.0.0:8000 (Press CTRL+C to quit)
Process SpawnProcess-1:
Traceback (most recent call last):
  File "/usr/local/lib/python3.11/multiprocessing/process.py", line 314, in _bootstrap
    self.run()
  File "<frozen importlib._bootstrap>", line 1204, in _gcd_import
  File "/app/main.py", line 4, in <module>
    from fastapi_pagination import Page
ModuleNotFoundError: No module named 'fastapi_pagination'
"""

CELERY_CHAIN = """\
Traceback (most recent call last):
  File "/usr/local/lib/python3.10/site-packages/kombu/utils/imports.py", line 54, in symbol_by_name
    module = imp(module_name, package=package, **kwargs)
  File "/app/tasks.py", line 5, in <module>
    import bs4
ModuleNotFoundError: No module named 'bs4'

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/usr/local/bin/celery", line 8, in <module>
    sys.exit(main())
celery.exceptions.ImproperlyConfigured: cannot load the application
"""

FALLBACK_MISSING_TOO = """\
Traceback (most recent call last):
  File "/app/fast.py", line 2, in <module>
    import ujson as json
ModuleNotFoundError: No module named 'ujson'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/app/fast.py", line 4, in <module>
    import simplejson as json
ModuleNotFoundError: No module named 'simplejson'
"""

COMPOSE_INTERLEAVED = """\
db-1    | 2024-05-01 10:00:00.000 UTC [1] LOG:  database system is ready to accept connections
shop-1  | Traceback (most recent call last):
db-1    | 2024-05-01 10:00:01.000 UTC [1] LOG:  checkpoint starting: time
shop-1  |   File "/app/app.py", line 3, in <module>
db-1    | ValueError: not of the shop
shop-1  |     import humanize
shop-1  | ModuleNotFoundError: No module named 'humanize'
shop-1 exited with code 1
"""

COLOURED_3_13 = (
    "Traceback (most recent call last):\n"
    '  File \x1b[35m"/app/app.py"\x1b[0m, line \x1b[35m1\x1b[0m, in \x1b[35m<module>\x1b[0m\n'
    "    import tabulate\n"
    "\x1b[1;35mModuleNotFoundError\x1b[0m: \x1b[35mNo module named 'tabulate'\x1b[0m\n"
)

PYTEST = """\
==================================== ERRORS ====================================
_____________________ ERROR collecting tests/test_shop.py ______________________
ImportError while importing test module '/app/tests/test_shop.py'.
Hint: make sure your test modules/packages have valid Python names.
Traceback:
/usr/local/lib/python3.11/importlib/__init__.py:126: in import_module
    return _bootstrap._gcd_import(name[level:], package, level)
tests/test_shop.py:1: in <module>
    import freezegun
E   ModuleNotFoundError: No module named 'freezegun'
=========================== short test summary info ============================
ERROR tests/test_shop.py
"""

TIMESTAMPED = """\
2024-05-01T10:00:00.123456789Z Traceback (most recent call last):
2024-05-01T10:00:00.123460000Z   File "/app/app.py", line 3, in <module>
2024-05-01T10:00:00.123470000Z     import redis
2024-05-01T10:00:00.123480000Z ModuleNotFoundError: No module named 'redis'
"""

JOURNAL = """\
May 01 10:00:00 host shop[812]: Traceback (most recent call last):
May 01 10:00:00 host shop[812]:   File "/srv/app.py", line 3, in <module>
May 01 10:00:00 host shop[812]:     import psutil
May 01 10:00:00 host shop[812]: ModuleNotFoundError: No module named 'psutil'
"""

OTHER_PREFIX = """\
[10:00:01 web/7] Traceback (most recent call last):
[10:00:01 web/7]   File "/srv/app.py", line 3, in <module>
[10:00:01 web/7]     import attr
[10:00:02 web/7] ModuleNotFoundError: No module named 'attr'
"""

JSON_LOG = (
    '{"level": "error", "msg": "failed", "exc": "Traceback (most recent call last):\\n  File \\"/app/a.py\\", line 1, '
    "in <module>\\n    import arrow\\nModuleNotFoundError: No module named 'arrow'\"}\n"
)

EXCEPTION_GROUP = """\
  + Exception Group Traceback (most recent call last):
  |   File "/app/main.py", line 9, in <module>
  |     asyncio.run(main())
  | ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/app/main.py", line 5, in load
    |     import msgpack
    | ModuleNotFoundError: No module named 'msgpack'
    +------------------------------------
"""

BEGINS_IN_THE_MIDDLE = """\
  File "/app/app.py", line 3, in <module>
    import yaml
ModuleNotFoundError: No module named 'yaml'
"""

SAMPLES = [
    ("plain", PLAIN, "yaml"),
    ("markers of 3.13", WITH_MARKERS_OF_313, "google"),
    ("dotted, 3.8", PYTHON_38_SUBMODULE, "google.cloud.storage"),
    ("gunicorn", GUNICORN, "flask_cors"),
    ("gunicorn's own exit follows", GUNICORN_HALTED, "flask_cors"),
    ("uvicorn --reload", UVICORN_RELOAD, "fastapi_pagination"),
    ("wrapped by celery", CELERY_CHAIN, "bs4"),
    ("fallback import missing too", FALLBACK_MISSING_TOO, "simplejson"),
    ("interleaved with another service", COMPOSE_INTERLEAVED, "humanize"),
    ("coloured", COLOURED_3_13, "tabulate"),
    ("CRLF", PLAIN.replace("\n", "\r\n"), "yaml"),
    ("pytest", PYTEST, "freezegun"),
    ("docker timestamps", TIMESTAMPED, "redis"),
    ("journal", JOURNAL, "psutil"),
    ("a prefix nobody knows", OTHER_PREFIX, "attr"),
    ("inside JSON", JSON_LOG, "arrow"),
    ("exception group", EXCEPTION_GROUP, "msgpack"),
    ("cut off at the top", BEGINS_IN_THE_MIDDLE, "yaml"),
    ("python -m", "/usr/local/bin/python: No module named gunicorn\n", "gunicorn"),
    ("the last line alone", "ModuleNotFoundError: No module named 'yaml'\n", "yaml"),
    ("within a log line", "2024-05-01 10:00:00,123 ERROR app: ModuleNotFoundError: No module named 'yaml'\n", "yaml"),
    ("Python 2's form", PLAIN.replace("ModuleNotFoundError", "ImportError").replace("'", ""), "yaml"),
]


def findings(text: str) -> list[Finding]:
    return detect([LogSource(name="log", text=text)])


@pytest.mark.parametrize(("text", "module"), [sample[1:] for sample in SAMPLES], ids=[sample[0] for sample in SAMPLES])
def test_the_missing_module_is_found(text: str, module: str) -> None:
    (finding,) = findings(text)
    assert (finding.kind, finding.subject) == (MODULE_MISSING, module)
    assert module in finding.evidence[-1].text


def test_evidence_names_frame_statement_and_exception_with_their_line_numbers() -> None:
    (finding,) = findings("starting\n" + PLAIN)
    assert [(line.source, line.line, line.text.strip()) for line in finding.evidence] == [
        ("log", 3, 'File "/app/app.py", line 3, in <module>'),
        ("log", 4, "import yaml"),
        ("log", 5, "ModuleNotFoundError: No module named 'yaml'"),
    ]


def test_only_the_last_failure_counts() -> None:
    (finding,) = findings(PLAIN + "restarted\n" + PLAIN.replace("yaml", "redis"))
    assert finding.subject == "redis"
    assert findings(PLAIN + PLAIN.replace("ModuleNotFoundError: No module named 'yaml'", "KeyError: 'PORT'")) == []


def test_a_later_source_wins_over_an_earlier_one() -> None:
    sources = [LogSource(name="build.log", text=PLAIN), LogSource(name="now", text=PLAIN.replace("yaml", "redis"))]
    assert [finding.subject for finding in detect(sources)] == ["redis"]


def test_control_characters_of_a_log_do_not_reach_the_evidence() -> None:
    (finding,) = findings(PLAIN.replace("    import yaml", "    import yaml  # \x00\u202e\x07"))
    assert all(line.text.isprintable() for line in finding.evidence)


def test_a_mention_after_the_traceback_does_not_lose_the_statement() -> None:
    (finding,) = findings(PLAIN + "ERROR: exited with ModuleNotFoundError: No module named 'yaml'\n")
    assert "import yaml" in [line.text.strip() for line in finding.evidence]


@pytest.mark.parametrize(
    ("message", "kind", "subject"),
    [
        (
            "ImportError: cannot import name 'soft_unicode' from 'markupsafe' (/x/__init__.py)",
            NAME_MISSING,
            "markupsafe",
        ),
        (
            "ImportError: cannot import name 'a' from partially initialized module 'shop.a' (most likely due to a "
            "circular import) (/app/shop/a.py)",
            "python_circular_import",
            "shop.a",
        ),
        ("ModuleNotFoundError: No module named 'celery.app'; 'celery' is not a package", NOT_A_PACKAGE, "celery.app"),
    ],
)
def test_what_is_no_missing_distribution_has_its_own_kind(message: str, kind: str, subject: str) -> None:
    (finding,) = findings(PLAIN.replace("ModuleNotFoundError: No module named 'yaml'", message))
    assert (finding.kind, finding.subject) == (kind, subject)


def test_a_module_missing_in_the_build_of_a_package_is_told_apart() -> None:
    (finding,) = findings(
        """\
#9 4.12   Traceback (most recent call last):
#9 4.12     File "/usr/lib/python3/site-packages/pip/_vendor/pyproject_hooks/_in_process.py", line 353, in main
#9 4.12       json_out['return_val'] = hook(**hook_input['kwargs'])
#9 4.12     File "/tmp/pip-build-env-x1/overlay/lib/python3.12/site-packages/setuptools/build_meta.py", line 317, in run
#9 4.12       exec(code, locals())
#9 4.12     File "<string>", line 2, in <module>
#9 4.12   ModuleNotFoundError: No module named 'numpy'
"""
    )
    assert (finding.kind, finding.subject) == (BUILD_MODULE_MISSING, "numpy")


@pytest.mark.parametrize("text", ["", "all is well\n", "\x00\x1b[", "Traceback (most recent call last):\n", "E   \n"])
def test_logs_without_a_failure_give_no_finding(text: str) -> None:
    assert findings(text) == []


def test_ten_megabytes_in_one_line_are_read_in_a_moment() -> None:
    hostile = ["x" * 10_000_000, "a.b" * 1_000_000, "1|" * 500_000, "\x1b]" * 500_000, " " * 1_000_000]
    started = perf_counter()
    assert findings("\n".join(hostile)) == []
    assert findings("x" * 1_000_000 + "Traceback (most recent call last):\n" + "\n".join(hostile)) == []
    assert findings("Traceback (most recent call last):\n" + "a.a:" * 1_000_000 + "\nx" * 50_000) == []
    assert perf_counter() - started < 20
