"""A file of the service that Node did not find: which one is meant, or why it is not there. Never a package."""

from __future__ import annotations

from posixpath import dirname, join, normpath

from moonmind.schemas.workflow_models import Edit, Finding
from moonmind.workflows.orchestrator.detectors import node_modules as node
from moonmind.workflows.orchestrator.planners import NoSafeEditError, Planning
from moonmind.workflows.orchestrator.planners.spelling import is_near

ENDINGS = (".js", ".mjs", ".cjs", ".ts", ".tsx", ".jsx", ".mts", ".cts", ".json", "/index.js", "/index.ts")
"""What a module's path may lack in a require() (Node's documentation of CommonJS), and what compilers add."""

BUILT = frozenset({"dist", "build", "out", "lib", ".next", ".output", "public"})
"""Folders that build tools write by custom."""


def explain_file(finding: Finding, planning: Planning) -> list[Edit]:
    """Always raises NoSafeEditError, with what a person would do."""
    name = (finding.subject or "").removeprefix("file://")
    files = planning.project.files
    if package := node.installed_package(name):
        raise NoSafeEditError(_of_a_package(name, package))
    importer = finding.details.get("importer", "")
    wanted = _possible_paths(name, importer, files)
    raise NoSafeEditError(_explanation(wanted, importer, files))


def _of_a_package(name: str, package: str) -> str:
    if name.endswith(".node"):
        return (
            f"`{package}` has a part that is compiled when it is installed, and that was not done: install without "
            "`--ignore-scripts`, in the image that runs it, and do not copy node_modules into it"
        )
    return f"the installed `{package}` is not complete: build the image anew, without copying node_modules into it"


def _possible_paths(name: str, importer: str, files: tuple[str, ...]) -> list[str]:
    """What the missing file's path may be below the workspace, the longest first."""
    path = normpath(join(dirname(importer.removeprefix("file://")), name)) if name.startswith(".") else normpath(name)
    parts = path.strip("/").split("/")
    if (root := _root(importer, files)) is not None and path.startswith(f"{root}/"):
        return [path.removeprefix(f"{root}/")]
    if not path.startswith("/"):
        return [path]
    return ["/".join(parts[place:]) for place in range(len(parts))]


def in_workspace(path: str, files: tuple[str, ...]) -> str | None:
    """The workspace's file that a path in the image stands for; None when none has such a path."""
    plain = path.removeprefix("file://").removeprefix("./")
    fitting = [file for file in files if plain == file or plain.endswith(f"/{file}")]
    return max(fitting, key=len) if fitting else None


def _root(importer: str, files: tuple[str, ...]) -> str | None:
    """Where the workspace lies in the image, as the importer's path tells; None when it does not."""
    path = importer.removeprefix("file://")
    file = in_workspace(path, files)
    return path[: -len(file) - 1] if file and path != file else None


def _explanation(wanted: list[str], importer: str, files: tuple[str, ...]) -> str:
    for path in wanted:
        if said := _same(path, files) or _meant(path, files):
            return said
    shown = wanted[-1] if len(wanted) > 1 else wanted[0]
    folder = next((path.partition("/")[0] for path in wanted if path.partition("/")[0] in BUILT and "/" in path), None)
    if folder:
        return (
            f"`{folder}/` is what the build writes and it is not there: run the build (`npm run build`) in the image "
            "before the program starts, or copy its result"
        )
    by = f"{importer} asks for it: " if importer else "the command that starts the service names it: "
    return f"the workspace has no file like `{shown}`; {by}add the file, or correct the path"


def _same(path: str, files: tuple[str, ...]) -> str | None:
    if path in files:
        return f"`{path}` is in the workspace, so it is not copied into the image: look at COPY and .dockerignore"
    found = next((path + ending for ending in ENDINGS if path + ending in files), None)
    if found:
        return f"an ES module names the whole file: write `{found}`, not `{path}`"
    wanted = {(path + ending).casefold() for ending in ("", *ENDINGS)}
    if found := next((file for file in files if file.casefold() in wanted), None):
        return f"`{found}` is meant: upper and lower case differ here, so correct the path"
    return None


def _meant(path: str, files: tuple[str, ...]) -> str | None:
    """A file of the same folder whose name is near."""
    folder, _, name = path.rpartition("/")
    beside = [file for file in files if file.rpartition("/")[0] == folder]
    example = next((file for file in beside if _stem(file).rpartition("/")[2] in _examples(_stem(name))), None)
    if example:
        return f"`{path}` is not there, only `{example}`: make it from that one where the service is started"
    found = [file for file in beside if is_near(_stem(name), _stem(file.rpartition("/")[2]))]
    if len(found) == 1:
        return f"`{found[0]}` looks like what is meant by `{path}`: correct the path"
    return None


def _examples(stem: str) -> tuple[str, ...]:
    return tuple(f"{stem}{between}{word}" for between in ".-_" for word in ("example", "sample", "dist", "template"))


def _stem(name: str) -> str:
    ending = next((ending for ending in ENDINGS if name.endswith(ending)), "")
    return name.removesuffix(ending)
