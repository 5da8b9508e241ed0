"""Make `moonmind/workflows/orchestrator/data/os_packages_<release>.json.gz`: which Debian package holds which file.

    .venv/bin/python scripts/make_os_packages.py            # on a Debian with apt, which is set up for Debian's archive

The facts are Debian's own: apt fetches and checks the package index and the lists of the packages' files ("Contents")
of each release, into a folder of its own. The machine's own apt says where the archive is. Kept are the files that a
build or a program asks for by name: shared libraries and headers where the linker and the compiler look, programs on
the path, and pkg-config's files. Left out by rule, since no build names them:

- packages for debugging and for other machines (`-dbg`, `-dbgsym`, `-cross`);
- headers of the compilers' own libraries (`c++/…`) and below DEEPEST folders; of a package with more than MANY headers
  those below its first folder (Boost, kernels, Qt): a build that needs one of these needs one of the others first.

What else the file says, for the choice among packages:

- `fronts`: of `x-common` the package `x` that depends on it (`psql` is in postgresql-client-common, and does nothing
  without postgresql-client);
- `namesakes`: programs whose package is called otherwise, and that a package of their own name brings (`pkg-config`);
- `stands_in`: packages that provide another real one: their programs are an imitation, so that both are candidates;
- `runs_on`: programs in a language whose own installer a service uses: Debian's see nothing of the service.
"""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

DATA = Path(__file__).parents[1] / "moonmind/workflows/orchestrator/data"
RELEASES = ("bookworm", "trixie")
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
MACHINE = "x86_64-linux-gnu"
DEEPEST = 3
MANY = 400
COMPILERS = "build-essential"
INTERPRETERS = ("python3", "nodejs", "ruby")

_LEFT_OUT = re.compile(r"-(?:dbg|dbgsym|cross)$|-cross-|-(?:arm|ppc|mips|riscv|s390|sparc|alpha|hppa|m68k)[\w-]*-")
_LIBRARY = re.compile(rf"^(?P<folder>(?:usr/)?lib(?:/{MACHINE}(?:/[\w.+-]+)?)?)/(?P<name>lib[\w.+-]+\.so(?:\.\d+)*)$")
_PROGRAM = re.compile(r"^(?P<folder>(?:usr/)?s?bin)/(?P<name>[^/]+)$")
_PKG_CONFIG = re.compile(rf"^(?P<folder>usr/(?:lib(?:/{MACHINE})?|share)/pkgconfig)/(?P<name>[^/]+\.pc)$")
_HEADER = re.compile(r"^(?P<folder>usr/include(?:/[\w.+-]+)*)/(?P<name>[\w.+-]+)$")

Files = dict[str, dict[str, set[str]]]
"""Packages by folder and file name."""


def main() -> None:
    """Ask apt for each release, keep what is asked for by name, write one file a release."""
    with tempfile.TemporaryDirectory() as folder:
        apt = _set_up(Path(folder))
        subprocess.run([*apt, "update"], check=True)
        for release in RELEASES:
            document = _document(release, _packages(apt, release), _files(apt, release))
            target = DATA / f"os_packages_{release}.json.gz"
            text = json.dumps(document, sort_keys=True, separators=(",", ":")) + "\n"
            target.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
            count = sum(map(len, document["files"].values()))
            print(f"{target.name}: {count} files, {target.stat().st_size} bytes")


def _set_up(folder: Path) -> list[str]:
    """An apt of our own, over the archive that the machine's apt uses; root's is left alone."""
    asked = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Origin: Debian"]
    answer = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.split()
    archive = min(answer, key=len)  # the security archive and its like have longer names
    (folder / "lists/partial").mkdir(parents=True)
    (folder / "parts").mkdir()
    sources = folder / "debian.sources"
    sources.write_text(
        f"Types: deb\nURIs: {archive}\nSuites: {' '.join(RELEASES)}\nComponents: main\nArchitectures: amd64\n"
        f"Signed-By: {KEYRING}\n"
    )
    contents = "Acquire::IndexTargets::deb::Contents-deb::"
    options = {
        "Dir::Etc::sourcelist": str(sources),
        "Dir::Etc::sourceparts": str(folder / "parts"),
        "Dir::State::lists": str(folder / "lists"),
        "Acquire::Languages": "none",
        f"{contents}MetaKey": "$(COMPONENT)/Contents-$(ARCHITECTURE)",
        f"{contents}ShortDescription": "Contents-$(ARCHITECTURE)",
        f"{contents}Description": "$(RELEASE)/$(COMPONENT) $(ARCHITECTURE) Contents",
        f"{contents}PDiffs": "false",
    }
    return ["apt-get", *(part for key, value in options.items() for part in ("-o", f"{key}={value}"))]


def _lines(apt: list[str], release: str, kind: str) -> Iterator[str]:
    """Every line of the release's index files of one kind."""
    asked = [*apt, "indextargets", "--format", "$(FILENAME)", f"Created-By: {kind}", f"Codename: {release}"]
    for file in subprocess.run(asked, check=True, capture_output=True, text=True).stdout.split():
        with subprocess.Popen(
            ["/usr/lib/apt/apt-helper", "cat-file", file], stdout=subprocess.PIPE, text=True, encoding="utf-8"
        ) as child:
            assert child.stdout is not None
            yield from child.stdout


def _packages(apt: list[str], release: str) -> dict[str, dict[str, str]]:
    """The fields `Depends`, `Provides` of every package by its name."""
    packages: dict[str, dict[str, str]] = {}
    name = ""
    for line in _lines(apt, release, "Packages"):
        field, _, value = line.rstrip("\n").partition(": ")
        if field == "Package":
            name = value
            packages[name] = {}
        elif field in ("Depends", "Provides"):
            packages[name][field] = value
    return packages


def _files(apt: list[str], release: str) -> Files:
    found: Files = defaultdict(lambda: defaultdict(set))
    headers: list[tuple[str, str, set[str]]] = []
    for line in _lines(apt, release, "Contents-deb"):
        path, _, owners = line.rstrip("\n").rpartition(" ")
        path = path.rstrip()
        packages = {one for owner in owners.split(",") if not _LEFT_OUT.search(one := owner.rpartition("/")[2])}
        if not packages:
            continue
        if named := _LIBRARY.match(path) or _PROGRAM.match(path) or _PKG_CONFIG.match(path):
            found[named["folder"]][named["name"]] |= packages
        elif named := _HEADER.match(path):
            headers.append((named["folder"], named["name"], packages))
    sizes = Counter(package for _, _, packages in headers for package in packages)
    for folder, name, packages in headers:
        if kept := {one for one in packages if _is_named(folder, name, sizes[one])}:
            found[folder][name] |= kept
    return found


def _is_named(folder: str, name: str, size: int) -> bool:
    """Whether builds name such a header."""
    inner = folder.removeprefix("usr/include").removeprefix(f"/{MACHINE}").strip("/")
    depth = inner.count("/") + 1 if inner else 0
    if inner.startswith("c++") or depth > DEEPEST:
        return False
    return depth <= 1 if size > MANY or "." not in name else True


def _document(release: str, packages: Mapping[str, Mapping[str, str]], files: Files) -> dict[str, dict[str, object]]:
    owners = {one for names in files.values() for some in names.values() for one in some}
    programs = {one for folder in files if folder.endswith("bin") for some in files[folder].values() for one in some}
    return {
        "about": {"made_by": "scripts/make_os_packages.py", "release": release, "machine": MACHINE},
        "files": {
            folder: {name: " ".join(sorted(some)) for name, some in names.items()} for folder, names in files.items()
        },
        "fronts": {one: front for one in owners if (front := _front(one, packages))},
        "stands_in": {one: " ".join(real) for one in owners if (real := _imitated(one, packages))},
        "namesakes": dict(_namesakes(files, packages)),
        "runs_on": {one: language for one in programs if (language := _language(one, packages))},
        "compilers": {"package": COMPILERS, "brings": " ".join(sorted(_named(packages[COMPILERS]["Depends"])))},
    }


def _front(package: str, packages: Mapping[str, Mapping[str, str]]) -> str | None:
    """What a person asks for instead of `x-common`: `x`, when it depends on it, at most through one other."""
    front = package.removesuffix("-common")
    if front == package or front not in packages:
        return None
    direct = _named(packages[front].get("Depends", ""))
    further = {one for name in direct for one in _named(packages.get(name, {}).get("Depends", ""))}
    return front if package in direct | further else None


def _imitated(package: str, packages: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Other real packages that it provides by name, and without a version, which a successor of theirs would give."""
    provided = packages.get(package, {}).get("Provides", "")
    plain = {one.strip() for one in provided.split(",") if "(" not in one}
    return sorted(one for one in plain if one in packages and one != package)


def _language(package: str, packages: Mapping[str, Mapping[str, str]]) -> str | None:
    needed = _named(packages.get(package, {}).get("Depends", ""))
    return next((one for one in INTERPRETERS if needed & {one, f"{one}-{package}"} and one != package), None)


def _namesakes(files: Files, packages: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[str, str]]:
    """Programs with the package that holds them, where another package of the program's name depends on that one."""
    for folder in (one for one in files if one.endswith("bin")):
        for program, owners in files[folder].items():
            needed = _named(packages.get(program, {}).get("Depends", ""))
            if program not in owners and len(owners & needed) == 1:
                yield program, (owners & needed).pop()


def _named(relations: str) -> set[str]:
    """Names in a relation field; of alternatives the first."""
    parts: Iterable[str] = (one.split("|")[0] for one in relations.split(","))
    return {re.split(r"[\s(:\[]", part.strip())[0] for part in parts if part.strip()}


if __name__ == "__main__":
    main()
