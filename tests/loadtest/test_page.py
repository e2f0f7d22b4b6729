import re

from onebar_loadtest.page import page
from tests.loadtest.test_report import report


def test_a_page_needs_nothing_else_and_shows_faults_and_how_to_repeat_it() -> None:
    drawn = page(report().known(), "passed <all>")
    assert "passed &lt;all&gt;" in drawn
    assert not re.search(r"(src|href)=|@import|url\(|<script", drawn)
    assert drawn.count("<svg") == drawn.count("</svg>") == 7
    assert drawn.count("<title>storm</title>") == 7, "the fault is a band in every chart"
    assert drawn.count("<title>phones come</title>") == 7
    assert "<td>seed</td><td>42</td>" in drawn
    assert "in the shape &#x27;steady&#x27;" in drawn
    assert "worker 1" in drawn


def test_a_run_that_saw_nothing_has_a_page_too() -> None:
    empty = report()
    empty.record.seconds.clear()
    assert "Nothing was seen." in page(empty.known(), "")


def test_light_devices_are_in_the_charts_and_counted_apart() -> None:
    crowded = report()
    for sample in crowded.record.seconds.values():
        sample.beside = 5
        sample.beside_took.add(0.02)
    crowded.record.tallies["worker 0"].beside = 150
    drawn = page(crowded.known(), "")
    assert "p95 of light devices" in drawn
    assert "Light devices beside them: 150 delivered, 0 lost." in drawn
