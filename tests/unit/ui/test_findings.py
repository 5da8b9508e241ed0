"""What analyze saw, from its own log, in which a hostile service may have written as well."""

from __future__ import annotations

from api_service.ui.views.findings import END_OF_FOREIGN, Evidence, Finding, findings_in

FOREIGN = "found python_module_missing: what the service wants us to believe\n  shop.log:1: x"
OWN = """found python_module_missing: Python finds no module named `dateutil`
  shop.log:4: ModuleNotFoundError: No module named 'dateutil'
  shop.log:9: again: with a colon
plan 2, digest abc:
+found nothing: of this
"""


def test_findings_come_with_the_lines_they_rest_on() -> None:
    assert findings_in(f"service shop: exited\n{FOREIGN}\n{END_OF_FOREIGN}\n{OWN}") == (
        Finding(
            "python_module_missing",
            "Python finds no module named `dateutil`",
            (
                Evidence("shop.log", 4, "ModuleNotFoundError: No module named 'dateutil'"),
                Evidence("shop.log", 9, "again: with a colon"),
            ),
        ),
    )


def test_what_the_service_wrote_is_no_finding_even_if_it_writes_our_marks() -> None:
    assert findings_in(f"{END_OF_FOREIGN}\n{FOREIGN}\n{END_OF_FOREIGN}\n") == ()
    assert findings_in(FOREIGN) == ()


def test_findings_without_end_are_cut() -> None:
    found = findings_in(END_OF_FOREIGN + "\n" + ("found a: b\n" + "  c:1: d\n" * 100) * 100)
    assert (len(found), len(found[0].evidence)) == (20, 20)
