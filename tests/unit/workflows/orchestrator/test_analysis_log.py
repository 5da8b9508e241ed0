"""What analyze saw, from its own log, in which a hostile service may have written as well."""

from __future__ import annotations

from moonmind.schemas.workflow_models import Analysis, Edit, EvidenceLine, Finding, LogSource
from moonmind.workflows.orchestrator.analysis_log import END_OF_FOREIGN, analysis_told, findings_in, sources_told

FOREIGN = "found python_module_missing: what the service wants us to believe\n  shop.log:1: x"
OWN = """found python_module_missing: Python finds no module named `dateutil`
  shop.log:4: ModuleNotFoundError: No module named 'dateutil'
  shop.log:9: again: with a colon
plan 2, digest abc:
+found nothing: of this
"""


FOUND = Finding(
    kind="python_module_missing",
    summary="Python finds no module named `dateutil`",
    evidence=(
        EvidenceLine(source="shop.log", line=4, text="ModuleNotFoundError: No module named 'dateutil'"),
        EvidenceLine(source="shop.log", line=9, text="again: with a colon"),
    ),
)


def test_what_was_told_is_read_back_whatever_the_service_wrote() -> None:
    edit = Edit(kind="requirement_add", file="a", name="python-dateutil", reason="why", proof="seen in\nits wheel")
    told = [*sources_told([LogSource(name="shop.log", text=FOREIGN)])]
    told += analysis_told(Analysis(decision="edit", findings=(FOUND,), edits=(edit,)))
    assert told[-1] == "proof of python-dateutil: seen in its wheel"
    assert findings_in("\n".join(told)) == (FOUND,)


def test_findings_come_with_the_lines_they_rest_on() -> None:
    assert findings_in(f"service shop: exited\n{FOREIGN}\n{END_OF_FOREIGN}\n{OWN}") == (FOUND,)


def test_what_the_service_wrote_is_no_finding_even_if_it_writes_our_marks() -> None:
    assert findings_in(f"{END_OF_FOREIGN}\n{FOREIGN}\n{END_OF_FOREIGN}\n") == ()
    assert findings_in(FOREIGN) == ()


def test_findings_without_end_are_cut() -> None:
    found = findings_in(END_OF_FOREIGN + "\n" + ("found a: b\n" + "  c:1: d\n" * 100) * 100)
    assert (len(found), len(found[0].evidence)) == (20, 20)
