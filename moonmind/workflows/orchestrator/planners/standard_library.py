"""Modules of Python itself: never fetched from an index, whatever is published there under their names."""

from __future__ import annotations

import sys

from moonmind.workflows.orchestrator.planners.spelling import is_slip

REMOVED = {
    **dict.fromkeys(("asynchat", "asyncore", "smtpd", "imp", "distutils"), "3.12"),
    **dict.fromkeys(("aifc", "audioop", "cgi", "cgitb", "chunk", "crypt", "imghdr", "lib2to3", "mailcap"), "3.13"),
    **dict.fromkeys(("msilib", "nis", "nntplib", "ossaudiodev", "pipes", "sndhdr", "spwd", "sunau"), "3.13"),
    **dict.fromkeys(("telnetlib", "uu", "xdrlib"), "3.13"),
    **dict.fromkeys(("formatter", "parser", "symbol"), "3.10"),
    "binhex": "3.11",
    "macpath": "3.8",
}
"""Module → the Python that no longer has it ("What's New" of each version; PEP 594 for 3.13)."""

ADDED = {"graphlib": "3.9", "zoneinfo": "3.9", "tomllib": "3.11", "compression": "3.14", "annotationlib": "3.14"}
"""Module → the first Python that has it."""

PYTHON_2 = {
    "BaseHTTPServer": "http.server",
    "CGIHTTPServer": "http.server",
    "SimpleHTTPServer": "http.server",
    "ConfigParser": "configparser",
    "Cookie": "http.cookies",
    "HTMLParser": "html.parser",
    "Queue": "queue",
    "SimpleXMLRPCServer": "xmlrpc.server",
    "DocXMLRPCServer": "xmlrpc.server",
    "SocketServer": "socketserver",
    "StringIO": "io",
    "cStringIO": "io",
    "Tkinter": "tkinter",
    "ScrolledText": "tkinter.scrolledtext",
    "Tkconstants": "tkinter.constants",
    "tkFont": "tkinter.font",
    "ttk": "tkinter.ttk",
    "Tix": "tkinter.tix",
    "tkColorChooser": "tkinter.colorchooser",
    "tkCommonDialog": "tkinter.commondialog",
    "tkFileDialog": "tkinter.filedialog",
    "FileDialog": "tkinter.filedialog",
    "Dialog": "tkinter.dialog",
    "tkMessageBox": "tkinter.messagebox",
    "tkSimpleDialog": "tkinter.simpledialog",
    "UserDict": "collections",
    "UserList": "collections",
    "UserString": "collections",
    "__builtin__": "builtins",
    "_winreg": "winreg",
    "anydbm": "dbm",
    "whichdb": "dbm",
    "dumbdbm": "dbm.dumb",
    "gdbm": "dbm.gnu",
    "dbhash": "dbm",
    "cPickle": "pickle",
    "cookielib": "http.cookiejar",
    "copy_reg": "copyreg",
    "commands": "subprocess",
    "dummy_thread": "_dummy_thread",
    "exceptions": "builtins",
    "htmlentitydefs": "html.entities",
    "htmllib": "html.parser",
    "httplib": "http.client",
    "md5": "hashlib",
    "mimetools": "email",
    "new": "types",
    "popen2": "subprocess",
    "repr": "reprlib",
    "rfc822": "email",
    "robotparser": "urllib.robotparser",
    "sets": "builtins",
    "sha": "hashlib",
    "sgmllib": "html.parser",
    "thread": "_thread",
    "urllib2": "urllib.request",
    "urlparse": "urllib.parse",
    "xmlrpclib": "xmlrpc.client",
}
"""Module of Python 2 → where Python 3 has it (the renames of `lib2to3`'s fixer for imports, and PEP 3108)."""

_NAMES = sys.stdlib_module_names | REMOVED.keys() | ADDED.keys()


def explain_standard(module: str) -> str | None:
    """Why a missing module is Python's own affair, None when its top level is no name of the standard library."""
    top = module.partition(".")[0]
    if top in PYTHON_2:
        return f"`{top}` is a module of Python 2; Python 3 has it as `{PYTHON_2[top]}`: change the import"
    if top in REMOVED:
        return f"`{top}` was removed from the standard library in Python {REMOVED[top]}: change the code"
    if top in ADDED:
        return f"`{top}` is in the standard library from Python {ADDED[top]} on: use a newer Python or change the code"
    if top not in _NAMES:
        return None
    if "." in module:
        return f"`{module}` would be part of the standard library's `{top}`, which has no such module in this Python"
    return (
        f"`{top}` is part of Python itself, so this Python was built without it or for another system: "
        "install the system's package for it or use another Python"
    )


def is_standard(module: str, python: str | None) -> bool:
    """True for what that Python ("3.11"; None: ours) brings itself."""
    top = module.partition(".")[0]
    version = _number(python) if python else sys.version_info[:2]
    if top in REMOVED:
        return version < _number(REMOVED[top])
    if top in ADDED:
        return version >= _number(ADDED[top])
    return top in sys.stdlib_module_names


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())


def was_standard(module: str) -> bool:
    """True when the top-level name is or was one of the standard library's."""
    return module.partition(".")[0] in _NAMES


def standard_name_meant(module: str) -> str | None:
    """The standard-library module that this one is a slip of, if any."""
    top = module.partition(".")[0]
    return next((name for name in sorted(_NAMES) if not name.startswith("_") and is_slip(top, name)), None)
