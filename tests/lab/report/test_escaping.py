"""Text of a peer holds no control character in any form of a report."""

import io

from streamserver.lab.calibration import Level, Tolerance, conclusion
from streamserver.lab.client.record import Record
from streamserver.lab.compare.comparison import Comparison
from streamserver.lab.compare.forms import table as comparison_table
from streamserver.lab.compare.forms import to_json as comparison_json
from streamserver.lab.compare.page import page as comparison_page
from streamserver.lab.compare.report import ComparisonReport
from streamserver.lab.report.csv_lines import StreamsCsv
from streamserver.lab.report.page.document import page
from streamserver.lab.report.table import table
from support.reported import MS, report

HOSTILE = "a\x1b[2J\r\n\x85\x9bm\u061c\u200b\u202e\u2028\ufeff\ud800b"
SHOWN = r"a\x1b[2J\r\n\x85\x9bm\u061c\u200b\u202e\u2028\ufeff\ud800b"


def test_what_a_peer_sent_is_escaped_in_every_form() -> None:
    hostile = Record(
        planned=MS, began=MS, head=2 * MS, status=503, end="refused", detail=HOSTILE, answer=HOSTILE
    )
    one = report(hostile)
    file = io.StringIO()
    StreamsCsv(file).add(hostile)
    comparison = Comparison()
    comparison.add(hostile, hostile)
    of_two = ComparisonReport(comparison)
    level = Level(1, 1, 1)
    level.add(hostile, MS)
    forms = {
        "table": table(one),
        "page": page(one),
        "csv": file.getvalue().replace("\r\n", "\n"),
        "comparison": comparison_table(of_two),
        "page of a comparison": comparison_page(of_two),
        "level": level.row(Tolerance()),
        "conclusion": conclusion([level], None),
    }
    for name, text in forms.items():
        assert SHOWN in text, name
        assert all(character.isprintable() or character == "\n" for character in text), name
    for form in (one.to_json()["exchanges"], comparison_json(of_two)["sides"]["direct"]):
        assert form["answers"] == {"503": HOSTILE}  # JSON has escapes of its own
