"""Ask as statuscheck does, whose enums are closed: an unknown word is a KeyError. Usage: python statuscheck.py URL"""

import json
import sys

from statuscheck.services.bases._statuspageio import BaseStatusPageAPI


class Page(BaseStatusPageAPI):
    """Another page than those it knows."""

    name = "Page"

    def _get_base_url(self) -> str:
        return f"{sys.argv[1]}/api/v2/"


told = Page().get_summary()
print(
    json.dumps(
        {
            "status": told.status.name,
            "components": len(told.components),
            "open": [one.name for one in told.incidents],
        }
    )
)
