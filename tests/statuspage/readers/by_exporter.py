"""Let statuspage-prometheus-exporter look once and print its metrics. Usage: python exporter.py URL"""

import json
import os
import sys
import tempfile
from pathlib import Path

with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    services = {"page": {"url": f"{sys.argv[1]}/api/v2/summary.json", "name": "page"}}
    (folder / "services.json").write_text(json.dumps(services))
    os.chdir(folder)
    os.environ |= {
        "SERVICES_JSON_PATH": str(folder / "services.json"),
        "METRICS_TEXTFILE_PATH": str(folder / "page.prom"),
        "RUN_MODE": "once",
    }
    from statuspage_prometheus_exporter.status_monitoring import main

    main()
    lines = [
        line for line in (folder / "page.prom").read_text().splitlines() if line.startswith("statuspage_")
    ]
    print(json.dumps({"metrics": lines}))
    os.chdir("/")
