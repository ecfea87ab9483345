"""What our client does with CUPS' own printer; run inside its network by test_ippeveprinter.py."""

import json
import sys
import time

from strongroom.application.despatch.labels.content import LabelContent
from strongroom.application.despatch.labels.pdf import render_pdf
from strongroom.application.despatch.printing.printer import Printer, WrongCertificate, fetch_fingerprint
from strongroom.formats.secret import Secret

URI = "ipps://localhost:8631/ipp/print"

found = fetch_fingerprint(URI)
printer = Printer(URI, found)
told: dict[str, object] = {"state": printer.attributes().state, "formats": printer.attributes().formats}
job = printer.create_job("our-reference")
told["accepted"] = printer.job_state(job)
fields = {
    "name": Secret("山田 太郎"),
    "line1": Secret("神南1-2-3"),
    "city": Secret("渋谷区"),
    "postcode": Secret("150-0041"),
}
printer.send_document(
    job, render_pdf([LabelContent(fields, "JP", "SRTEST0000", "Standard", 1, 1, ("Shop",))]), "application/pdf"
)
deadline = time.monotonic() + 30
while (state := printer.job_state(job)) not in ("completed", "aborted") and time.monotonic() < deadline:
    time.sleep(0.2)
told["ended"] = state
try:
    Printer(URI, bytes(32)).create_job("x")
except WrongCertificate:
    told["pinned"] = True
second = printer.create_job("withdrawn")
printer.cancel(second)
told["withdrawn"] = printer.job_state(second)
told["jobs"] = [(each.name, each.state) for each in printer.jobs()]
json.dump(told, sys.stdout)
