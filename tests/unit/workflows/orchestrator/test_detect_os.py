"""What the detectors see of missing libraries, compilers, headers and programs, in lines of real logs."""

from __future__ import annotations

from time import perf_counter

import pytest

from moonmind.schemas.workflow_models import Finding, LogSource
from moonmind.workflows.orchestrator.detectors import detect
from moonmind.workflows.orchestrator.detectors.os_executables import PROGRAM_MISSING
from moonmind.workflows.orchestrator.detectors.os_libraries import LIBRARY_MISSING
from moonmind.workflows.orchestrator.detectors.os_toolchain import (
    COMPILER_MISSING,
    HEADER_MISSING,
    LINK_LIBRARY_MISSING,
    PC_MISSING,
    RUST_MISSING,
    TOOL_MISSING,
)
from moonmind.workflows.orchestrator.detectors.python_modules import MODULE_MISSING


def found(text: str) -> Finding | None:
    findings = detect([LogSource(name="log", text=text)])
    return findings[0] if findings else None


def raised(line: str, frame: str = "/app/app.py") -> str:
    return f'Traceback (most recent call last):\n  File "{frame}", line 1, in <module>\n    import x\n{line}\n'


def buildkit(*output: str, stage: str = "", instruction: str = "RUN make") -> str:
    where = f"[{stage} 2/3]" if stage else "[2/3]"
    said = [f"#7 {where} {instruction}", *(f"#7 0.512 {line}" for line in output)]
    failed = f'#7 ERROR: process "/bin/sh -c {instruction[4:]}" did not complete successfully: exit code: 1'
    tail = ["------", f" > {where} {instruction}:", *(f"0.512 {line}" for line in output[-8:]), "------"]
    return "\n".join(
        [*said, failed, *tail, "ERROR: failed to solve: process did not complete successfully: exit code: 1\n"]
    )


@pytest.mark.parametrize(
    ("line", "library"),
    [
        ("ImportError: libGL.so.1: cannot open shared object file: No such file or directory", "libGL.so.1"),
        ("OSError: libgomp.so.1: cannot open shared object file: No such file or directory", "libgomp.so.1"),
        ("ImportError: failed to find libmagic.  Check your installation", "libmagic"),
        ("ImportError: Unable to find zbar shared library", "zbar"),
        ("OSError: cannot load library 'libsndfile.so': libsndfile.so: cannot open shared object file", "sndfile"),
        (
            "OSError: Could not find library geos_c or load any of its variants ['libgeos_c.so.1', 'libgeos_c.so']",
            "libgeos_c.so.1",
        ),
        (
            "django.core.exceptions.ImproperlyConfigured: Could not find the GDAL library "
            '(tried "gdal", "GDAL", "gdal3.7.0"). Is GDAL installed?',
            "gdal",
        ),
        (
            "OSError: cannot load library 'pango-1.0-0': pango-1.0-0: cannot open shared object file: No such file",
            "pango-1.0-0",
        ),
        (
            "OSError: cannot load library 'libpango-1.0-0': libpango-1.0-0: cannot open shared object file",
            "libpango-1.0-0",
        ),
        (
            'OSError: no library called "cairo-2" was found\nno library called "cairo" was found\n'
            "cannot load library 'libcairo.so.2': libcairo.so.2: cannot open shared object file: No such "
            "file or directory",
            "libcairo.so.2",
        ),
    ],
)
def test_a_library_that_python_could_not_load(line: str, library: str) -> None:
    finding = found(raised(line))
    assert finding is not None
    assert (finding.kind, finding.subject) == (LIBRARY_MISSING, library)


@pytest.mark.parametrize(
    ("line", "library"),
    [
        (
            "/app/shop: error while loading shared libraries: libcjson.so.1: cannot open shared object "
            "file: No such file or directory",
            "libcjson.so.1",
        ),
        ("Error: libvips-cpp.so.42: cannot open shared object file: No such file or directory", "libvips-cpp.so.42"),
        (
            "Error loading shared library libstdc++.so.6: No such file or directory (needed by /app/shop)",
            "libstdc++.so.6",
        ),
        (
            'Exception in thread "main" java.lang.UnsatisfiedLinkError: /usr/lib/jvm/lib/libfontmanager.so: '
            "libfreetype.so.6: cannot open shared object file",
            "libfreetype.so.6",
        ),
    ],
)
def test_a_library_that_another_program_could_not_load(line: str, library: str) -> None:
    finding = found(f"starting\n{line}\n")
    assert finding is not None
    assert (finding.kind, finding.subject) == (LIBRARY_MISSING, library)


@pytest.mark.parametrize(
    ("line", "kind", "subject"),
    [
        ("error: command 'gcc' failed: No such file or directory", COMPILER_MISSING, "gcc"),
        (
            "unable to execute 'x86_64-linux-gnu-gcc': No such file or directory",
            COMPILER_MISSING,
            "x86_64-linux-gnu-gcc",
        ),
        (
            "error: [Errno 2] No such file or directory: 'x86_64-linux-gnu-g++'",
            COMPILER_MISSING,
            "x86_64-linux-gnu-g++",
        ),
        ("gcc: fatal error: cannot execute 'cc1plus': execvp: No such file or directory", COMPILER_MISSING, "g++"),
        ("configure: error: no acceptable C compiler found in $PATH", COMPILER_MISSING, "cc"),
        ("../meson.build:1:0: ERROR: Unknown compiler(s): [['cc'], ['gcc'], ['clang']]", COMPILER_MISSING, "cc"),
        ("make: gcc: No such file or directory", COMPILER_MISSING, "gcc"),
        ("fastsum.c:1:10: fatal error: Python.h: No such file or directory", HEADER_MISSING, "Python.h"),
        ("      Modules/common.h:15:10: fatal error: lber.h: No such file or directory", HEADER_MISSING, "lber.h"),
        ("main.c:2:10: fatal error: openssl/ssl.h: No such file or directory", HEADER_MISSING, "openssl/ssl.h"),
        ("      Error: pg_config executable not found.", TOOL_MISSING, "pg_config"),
        ("      /bin/sh: 1: pkg-config: not found", TOOL_MISSING, "pkg-config"),
        ("/bin/sh: 1: mysql_config: not found", TOOL_MISSING, "mysql_config"),
        ("FileNotFoundError: [Errno 2] No such file or directory: 'curl-config'", TOOL_MISSING, "curl-config"),
        ("/bin/sh: line 1: cmake: command not found", TOOL_MISSING, "cmake"),
        ("npm error gyp ERR! stack Error: not found: make", TOOL_MISSING, "make"),
        ("npm error sh: 1: make: not found", TOOL_MISSING, "make"),
        ("Package 'libffi', required by 'virtual:world', not found", PC_MISSING, "libffi"),
        ("Package libxml-2.0 was not found in the pkg-config search path.", PC_MISSING, "libxml-2.0"),
        ("No package 'xmlsec1' found", PC_MISSING, "xmlsec1"),
        (
            '../cairo/meson.build:31:12: ERROR: Dependency "cairo" not found, tried pkgconfig and cmake',
            PC_MISSING,
            "cairo",
        ),
        ('CMake was unable to find a build program corresponding to "Unix Makefiles".', TOOL_MISSING, "make"),
        ("  No CMAKE_CXX_COMPILER could be found.", COMPILER_MISSING, "c++"),
        ("/usr/bin/ld: cannot find -lxml2: No such file or directory", LINK_LIBRARY_MISSING, "xml2"),
        ("error: can't find Rust compiler", RUST_MISSING, "Rust"),
        ("Cargo, the Rust package manager, is not installed or is not on PATH.", RUST_MISSING, "Cargo"),
    ],
)
def test_what_a_build_lacks_belongs_to_its_stage_and_instruction(line: str, kind: str, subject: str) -> None:
    finding = found(buildkit("collecting", line, "more", stage="builder", instruction="RUN pip  install ."))
    assert finding is not None
    assert (finding.kind, finding.subject) == (kind, subject)
    assert (finding.details["stage"], finding.details["before"]) == ("builder", "RUN pip install .")


def test_the_classic_builder_counts_its_stages() -> None:
    log = (
        "Step 1/5 : FROM python:3.11 AS one\n ---> 00\nStep 2/5 : FROM python:3.11\n ---> 00\nStep 3/5 : "
        "RUN pip install  x\n"
        " ---> Running in 00\n\x1b[91m      Error: pg_config executable not found.\n\x1b[0mThe command "
        "'/bin/sh -c pip install  x' returned a non-zero code: 1\n"
    )
    finding = found(log)
    assert finding is not None
    assert (finding.kind, finding.details) == (TOOL_MISSING, {"stage": "1", "before": "RUN pip install x"})


def test_of_a_chain_what_ended_the_program_counts() -> None:
    module = raised("ModuleNotFoundError: No module named '_soundfile_data'")
    library = raised("OSError: libsndfile.so.1: cannot open shared object file: No such file or directory")
    during = "\nDuring handling of the above exception, another exception occurred:\n\n"
    for text, kind in ((module + during + library, LIBRARY_MISSING), (library + during + module, MODULE_MISSING)):
        finding = found(text)
        assert finding is not None
        assert finding.kind == kind


def test_a_header_in_double_quotes_is_marked_as_such() -> None:
    finding = found(buildkit("a.c:1:10: fatal error: own.h: No such file or directory", '    1 | #include "own.h"'))
    assert finding is not None
    assert finding.details["quoted"] == "yes"


def test_pkg_config_names_that_were_tried_belong_together() -> None:
    tried = [f"      Trying pkg-config --exists {name}" for name in ("mysqlclient", "mariadb", "libmariadb")]
    finding = found(buildkit(*tried, "      Exception: Can not find valid pkg-config name."))
    assert finding is not None
    assert (finding.kind, finding.subject, finding.details["or"]) == (PC_MISSING, "mysqlclient", "mariadb libmariadb")


def test_of_one_failed_step_the_last_missing_thing_counts() -> None:
    finding = found(
        buildkit("/bin/sh: 1: pkg-config: not found", "a.c:1:10: fatal error: ldap.h: No such file or directory")
    )
    assert finding is not None
    assert finding.subject == "ldap.h"


def test_what_a_step_said_that_did_not_fail_is_no_failure() -> None:
    log = "#6 [2/4] RUN ./configure || true\n#6 0.1 /bin/sh: 1: pkg-config: not found\n#6 DONE 0.2s\n" + buildkit(
        "mine failed"
    )
    assert found(log) is None


SUBPROCESS = "/usr/local/lib/python3.11/subprocess.py"


@pytest.mark.parametrize(
    ("text", "program"),
    [
        (raised("FileNotFoundError: [Errno 2] No such file or directory: 'ffmpeg'", SUBPROCESS), "ffmpeg"),
        (raised("FileNotFoundError: [Errno 2] No such file or directory: '/usr/bin/git'", SUBPROCESS), "git"),
        (
            raised(
                "pytesseract.pytesseract.TesseractNotFoundError: tesseract is not installed or it's not in your PATH."
            ),
            "tesseract",
        ),
        (
            raised(
                "graphviz.backend.execute.ExecutableNotFound: failed to execute PosixPath('dot'), make sure "
                "the Graphviz executables are on your systems' PATH"
            ),
            "dot",
        ),
        (
            raised(
                "pdf2image.exceptions.PDFInfoNotInstalledError: Unable to get page count. Is poppler "
                "installed and in PATH?"
            ),
            "pdfinfo",
        ),
        (raised('OSError: No wkhtmltopdf executable found: ""'), "wkhtmltopdf"),
        (raised("ImportError: Bad git executable."), "git"),
        ("/start.sh: 3: envsubst: not found\n", "envsubst"),
        ("/start.sh: line 3: psql: command not found\n", "psql"),
        ("sh: 1: git: not found\n", "git"),
        ("/usr/bin/env: ‘perl’: No such file or directory\n", "perl"),
        ("node:events:497\nError: spawn pdftotext ENOENT\n    at ChildProcess._handle.onexit\n", "pdftotext"),
        (buildkit("ERROR: Cannot find command 'git' - do you have 'git' installed and in your PATH?"), "git"),
    ],
)
def test_a_program_that_could_not_be_started(text: str, program: str) -> None:
    finding = found(text)
    assert finding is not None
    assert (finding.kind, finding.subject) == (PROGRAM_MISSING, program)


@pytest.mark.parametrize(
    "text",
    [
        raised("FileNotFoundError: [Errno 2] No such file or directory: 'settings.toml'"),
        raised("FileNotFoundError: [Errno 2] No such file or directory: '/data/ffmpeg'", SUBPROCESS),
        raised("OSError: [Errno 98] Address already in use"),
        raised("ImportError: cannot import name 'x' from 'y' (/app/y.py)"),
        "GET /libGL.so.1 404\n",
        "warning: libGL.so.1 may be missing\n",
        'INFO: {"message": "user said: sh: 1: git: not found", "level": "info"}\n',
        "user 7: order: not found in the catalog\n",
        "checking for gcc... no\n",
        "header Python.h: found\n",
    ],
)
def test_other_lines_are_nothing_of_the_kind(text: str) -> None:
    finding = found(text)
    assert finding is None or not finding.kind.startswith(("os_", "compiler", "build_tool", "pkg_config"))


@pytest.mark.parametrize(
    "line",
    ["a" * 9_000, "[" * 9_000, 'exec: "' * 1_400, "failed to solve: " * 600, "sh: 1: " * 1_400, "Error: " * 1_400],
)
def test_hostile_lines_cost_no_time(line: str) -> None:
    began = perf_counter()
    detect([LogSource(name="log", text=f"{line}\n" * 40)])
    assert perf_counter() - began < 3
