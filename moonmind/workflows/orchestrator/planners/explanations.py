"""Findings that no edit of a service's files repairs: what a person would do about each."""

from __future__ import annotations

from collections.abc import Mapping

from moonmind.workflows.orchestrator.detectors import build_networks, npm, own_code
from moonmind.workflows.orchestrator.detectors import environment as env
from moonmind.workflows.orchestrator.detectors import node_modules as node

EXPLAINED: Mapping[str, str] = {
    env.PORT_IN_USE: ("stop the program that listens there (`ss -ltnp` names it), or give this service another port"),
    env.OUT_OF_MEMORY: (
        "raise the memory limit of the service (`mem_limit`, or `--max-old-space-size` for Node), start fewer"
        " workers, or find what takes it"
    ),
    env.WRONG_ARCHITECTURE: (
        "build it for this processor (`platform:` in Compose, `--platform` of docker build), or give the "
        "script its `#!` line"
    ),
    env.PERMISSION_DENIED: (
        "make the file or its folder belong to the user that the service runs as: the volume's owner on the "
        "host, `COPY --chown` or `RUN chown` in the image, or a port above 1023"
    ),
    env.DATABASE_NOT_OPENED: ("make the folder of the database file, on a volume that the service's user may write"),
    env.DISK_FULL: "make room (`df -h`, `df -i`, `docker system df`), or give the volume more",
    env.READ_ONLY: "write to a volume or a `tmpfs`, or mount the folder without `:ro`",
    env.TOO_MANY_FILES: ("raise the limit (`ulimits: nofile` in Compose), or find what is opened and never closed"),
    env.CONNECTION_REFUSED: (
        "start what should listen there and wait until it does (`depends_on` with a health check); inside a "
        "container `localhost` is the container itself: name the other service"
    ),
    env.NAME_NOT_RESOLVED: (
        "correct the host name; in Compose it is the other service's name, and both must share a network"
    ),
    env.CREDENTIALS_REFUSED: (
        "compare user and password with those that the server was set up with; a database keeps the ones of "
        "its first start"
    ),
    env.CERTIFICATE_REFUSED: (
        "install the authority's certificate in the image (`ca-certificates`, `SSL_CERT_FILE`, "
        "`NODE_EXTRA_CA_CERTS`), or renew the server's; do not turn verification off"
    ),
    env.DATABASE_MISSING: "create the database, or correct its name in the connection string",
    env.TABLE_MISSING: "run the migrations against this database before the service starts",
    build_networks.BUILD_NETWORK: (
        "nothing is wrong with the files: look at the network, the proxy and the index, and try again"
    ),
    own_code.SYNTAX_ERROR: (
        "correct that line of the file; of an installed package, take a release for this Python or Node"
    ),
    own_code.SETTING_MISSING: (
        "set it where the service is started (`environment:` or `env_file:`); its value is nobody's to guess"
    ),
    node.BUILTIN_MISSING: "only another version of Node has it: take a newer image, or change the import",
    node.SUBPATH_MISSING: "import what the package's `exports` names, or pin the release that had it",
    npm.LOCK_MISSING: (
        "run `npm install`, commit its package-lock.json and copy it into the image, or install with `npm install`"
    ),
    npm.WRONG_ENGINE: "take an image with that version of Node, or a release for this one",
    npm.MANIFEST_BROKEN: "correct package.json where npm says (often a comma too many)",
    npm.MANIFEST_MISSING: "copy package.json before npm runs, and run it in that folder (`WORKDIR`)",
    npm.SCRIPT_MISSING: "start a script that package.json has, or add this one",
    npm.REGISTRY_REFUSED: "give npm a valid token for the registry, as a build secret",
    npm.REGISTRY_UNREACHABLE: ("nothing is wrong with the files: look at the network and the proxy, and try again"),
    npm.DAMAGED: ("try again without the cache; if it stays, the registry serves another package than was locked"),
}
