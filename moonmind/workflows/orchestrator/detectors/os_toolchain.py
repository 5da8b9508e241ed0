"""A package could not be compiled: a compiler, a header, a build tool or a pkg-config file is missing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from moonmind.schemas.workflow_models import Finding
from moonmind.workflows.orchestrator.detectors.docker_builds import placed
from moonmind.workflows.orchestrator.detectors.lines import Line, Seen

HEADER_MISSING = "os_header_missing"
COMPILER_MISSING = "compiler_missing"
TOOL_MISSING = "build_tool_missing"
PC_MISSING = "pkg_config_package_missing"
RUST_MISSING = "rust_missing"
LINK_LIBRARY_MISSING = "link_library_missing"

COMPILERS = frozenset({"gcc", "cc", "c99", "clang", "g++", "c++", "clang++"})
_TOOLS = (
    r"(?P<name>cmake|ninja|make|pkgconf|pg_config|mysql_config|[\w.+]{2,40}-config|swig|bison|flex|nasm|autoconf|automake|"
    r"libtool|meson|patchelf)"
)
_COMPILER = r"(?P<name>(?:x86_64-linux-gnu-)?(?:gcc|cc|g\+\+|c\+\+|clang|clang\+\+)(?:-\d{1,3})?)"

_HEADER = re.compile(r"fatal error: (?P<name>[\w./+-]{1,120}): No such file or directory")
_QUOTED = re.compile(r"#\s*include\s*\"")
_PC = (
    re.compile(
        r"^\s*(?:\[\d+\] )?Package '?(?P<name>[\w.+-]{1,80}?)'?(?:, required by '[^']{1,200}',)?(?: was)? not found"
    ),
    re.compile(r"^\s*No package '(?P<name>[\w.+-]{1,80})' found"),
    re.compile(r"ERROR: Dependency \"(?P<name>[\w.+-]{1,80})\" not found, tried pkgconfig"),
)
_PC_LIST = re.compile(r"^\s*Trying pkg-config --exists (?P<name>[\w.+-]{1,80})\s*$")
_PC_END = re.compile(r"Can not find valid pkg-config name")
_TABLE: tuple[tuple[str, re.Pattern[str]], ...] = (
    (COMPILER_MISSING, re.compile(rf"^\s*error: command '{_COMPILER}' failed: No such file or directory")),
    (COMPILER_MISSING, re.compile(rf"unable to execute '{_COMPILER}': No such file or directory")),
    (COMPILER_MISSING, re.compile(rf"^\s*error: (?:\[Errno 2\] )?No such file or directory: '{_COMPILER}'")),
    (COMPILER_MISSING, re.compile(r"fatal error: cannot execute '?(?P<name>cc1plus)'?: ")),
    (COMPILER_MISSING, re.compile(r"(?:ERROR: Unknown compiler\(s\): \[\['(?P<name>cc|c\+\+))")),
    (COMPILER_MISSING, re.compile(r"configure: error: no acceptable C compiler found in (?P<name>\$PATH)")),
    (COMPILER_MISSING, re.compile(rf"make(?:\[\d+\])?: {_COMPILER}: No such file or directory")),
    (COMPILER_MISSING, re.compile(r"error: linker `(?P<name>cc)` not found")),
    (TOOL_MISSING, re.compile(r"^\s*Error: (?P<name>pg_config) executable not found")),
    (
        TOOL_MISSING,
        re.compile(r"No such file or directory: '(?P<name>[\w.+-]{2,40}-config|[a-z]{2,20}_config|pkg-config)'"),
    ),
    (
        TOOL_MISSING,
        re.compile(
            r"^\s*(?:npm error |npm ERR! )?(?:/bin/)?(?:ba)?sh(?:: line \d{1,6}|: \d{1,6})?: "
            rf"{_TOOLS}: (?:command )?not found"
        ),
    ),
    (TOOL_MISSING, re.compile(r"gyp ERR! stack Error: not found: (?P<name>make|gmake)")),
    (TOOL_MISSING, re.compile(r"gyp ERR! (?:find |stack Error: Could not find any )(?P<name>Python)\b")),
    (TOOL_MISSING, re.compile(r"(?:RuntimeError|error|Error): (?P<name>CMake) must be installed")),
    (TOOL_MISSING, re.compile(r"unable to find a build program corresponding to \"(?P<name>Unix Makefiles|Ninja)\"")),
    (COMPILER_MISSING, re.compile(r"No (?P<name>CMAKE_C(?:XX)?_COMPILER) could be found")),
    (
        TOOL_MISSING,
        re.compile(
            r"(?P<name>swig)(?:\.exe)? ?: (?:command )?not found|error: command '(?P<other>swig)' failed: No such"
        ),
    ),
    (
        LINK_LIBRARY_MISSING,
        re.compile(
            r"ld(?:\.bfd|\.gold|\.lld)?: (?:error: )?(?:cannot find|unable to find library) -l(?P<name>[\w+-]{1,60})"
        ),
    ),
    (RUST_MISSING, re.compile(r"error: can't find (?P<name>Rust) compiler")),
    (RUST_MISSING, re.compile(r"^\s*(?P<name>Rust) not found, installing into a temporary directory")),
    (RUST_MISSING, re.compile(r"(?P<name>Cargo), the Rust package manager, is not installed or is not on PATH")),
    (
        RUST_MISSING,
        re.compile(
            r"^\s*(?:/bin/sh|sh|/bin/bash|bash)(?:: line \d+|: \d+)?: (?P<name>cargo|rustc): (?:command )?not found"
        ),
    ),
)
_WORDS = {
    HEADER_MISSING: "the header `{}` is not there",
    COMPILER_MISSING: "the compiler `{}` is not there",
    TOOL_MISSING: "the build tool `{}` is not there",
    PC_MISSING: "pkg-config knows no package `{}`",
    LINK_LIBRARY_MISSING: "the linker finds no library `{}`",
    RUST_MISSING: "a package is compiled from Rust, and there is no Rust compiler",
}
_NAMES = {
    "Python": "python3",
    "CMake": "cmake",
    "gmake": "make",
    "pkgconf": "pkg-config",
    "$PATH": "cc",
    "cc1plus": "g++",
    "Unix Makefiles": "make",
    "Ninja": "ninja",
    "CMAKE_C_COMPILER": "cc",
    "CMAKE_CXX_COMPILER": "c++",
}
"""What the message means by a name of its own."""


def find(lines: Sequence[Line]) -> list[Seen]:
    """Each missing thing; of one failed step the last one named."""
    return placed(lines, _told(lines))


def _told(lines: Sequence[Line]) -> Iterator[tuple[int, Finding]]:
    wanted: list[str] = []
    for place, line in enumerate(lines):
        if header := _HEADER.search(line.text):
            yield place, _header(header["name"], lines, place)
        elif asked := _PC_LIST.match(line.text):
            wanted.append(asked["name"])
        elif _PC_END.search(line.text) and wanted:
            if not _tool_told(lines, place):
                yield place, _finding(PC_MISSING, wanted[0], [line], {"or": " ".join(wanted[1:])})
            wanted = []
        elif package := next((found for pattern in _PC if (found := pattern.search(line.text))), None):
            yield place, _finding(PC_MISSING, package["name"], [line])
        else:
            yield from ((place, one) for one in _of_table(line))


def _of_table(line: Line) -> Iterator[Finding]:
    for kind, pattern in _TABLE:
        if told := pattern.search(line.text):
            name = next(name for name in told.groupdict().values() if name)
            yield _finding(kind, _NAMES.get(name, name), [line])
            return


def _tool_told(lines: Sequence[Line], place: int) -> bool:
    """Whether pkg-config itself was missing just before: then it knows nothing of any package."""
    near = lines[max(0, place - 40) : place]
    return any("pkg-config: not found" in line.text or "status 127" in line.text for line in near)


def _header(name: str, lines: Sequence[Line], place: int) -> Finding:
    """gcc quotes the statement on the next line: in double quotes it looks beside the source first."""
    quoted = place + 1 < len(lines) and _QUOTED.search(lines[place + 1].text)
    return _finding(HEADER_MISSING, name, [lines[place]], {"quoted": "yes"} if quoted else {})


def _finding(kind: str, name: str, lines: Sequence[Line], details: dict[str, str] | None = None) -> Finding:
    return Finding(
        kind=kind,
        summary=_WORDS[kind].format(name),
        subject=name,
        details=details or {},
        evidence=tuple(line.as_evidence() for line in lines),
    )
