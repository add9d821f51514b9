"""Partners under all four policies, and requests as they bring them in."""

from datetime import UTC, datetime

from monitor.domain.filing import Filing
from monitor.domain.request_matter import Request
from monitor.domain.sealing import Attached
from tests.acceptance.world import CHECKS, CONFIGURATION

TUESDAY_AT_TEN = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
"""Ten in the morning in Rome and Copenhagen, three at night in Chicago and four in New York."""
TUESDAY_IN_CHICAGO = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)
SATURDAY_NIGHT = datetime(2026, 11, 28, 22, 0, tzinfo=UTC)

PEOPLE = """
  - id: fjord
    name: Fjord Design
    policy: plm
    plan: premium
    country: DK
    language: da
    contacts:
      - {id: astrid, name: Astrid Holm, phone: "+4532123456", email: astrid@fjord.example, languages: [da, en], role: regular}
      - {id: bo, name: Bo Lund, phone: "+4532123457", email: bo@fjord.example, languages: [da], role: administrative}
  - id: hush
    name: Hush Works
    policy: plm
    plan: standard
    country: SE
    language: sv
    contacts:
      - {id: karin, name: Karin Berg, email: karin@hush.example, languages: [sv]}
  - id: lab
    name: Lab of Numbers
    policy: wolfram
    country: US
    language: en
    contacts:
      - {id: lee, name: Lee Wong, phone: "+12175550101", email: lee@lab.example, languages: [en], role: administrative}
  - id: museum
    name: City Museum
    policy: helpdesk
    country: US
    language: en
    contract_from: 2025-03-01
    contacts:
      - {id: mia, name: Mia Stone, phone: "+12125550102", email: mia@museum.example, languages: [en]}
"""
MORE = """
licences:
  - {id: L-FJORD, partner: fjord, product: CAD, seats: 5, subscription: {from: 2026-01-01, to: 2026-12-31}}
  - {id: L-HUSH, partner: hush, product: CAD, seats: 5, subscription: {from: 2026-01-01, to: 2026-12-31}, nda: true}
"""
DESK = CONFIGURATION.replace("\nsystems:", PEOPLE + "\nsystems:", 1) + MORE + CHECKS

PLM_FIELDS = {
    "contact_name": "Astrid Holm",
    "contact_phone": "+4532123456",
    "contact_email": "astrid@fjord.example",
    "product_version": "2026",
    "service_pack": "SP1.0",
    "english_ok": True,
    "description": "The sketch cannot be saved.",
}
CRITICAL_MAIL = {
    "contact_name": "Lee Wong",
    "contact_phone": "+12175550101",
    "company": "Lab of Numbers",
    "account_id": "W-1",
    "description": "The kernel stops on every node.",
    "contact_email": "lee@lab.example",
    "product": "Engine",
    "product_version": "14.1",
    "inquiry_type": "problem",
    "priority": "Critical",
    "reproduction": "code attached",
    "question": "What stops it?",
    "resources_consulted": "the manual",
    "contact_24x7": "Lee Wong, +12175550101",
}


def a_filing(*, channel="portal", contact="giulia", fields=None, **other) -> Filing:
    """Return a request of Aurora's in the portal: complete unless said otherwise."""
    asked = {
        name: other.pop(name)
        for name in ("system", "priority", "existing_ticket", "symptom", "facts", "planned_start", "standing")
        if name in other
    }
    given = {"subject": "No audio", "message": "Callers hear nothing.", "system": "PBX-1"}
    request = Request(channel=channel, contact=contact, fields=given if fields is None else fields, **asked)
    return Filing(request=request, strict=other.pop("strict", channel in ("portal", "api")), **other)


def a_file(name="trace.txt", content=b"INVITE sip:100@pbx", media_type="text/plain") -> Attached:
    """Return a file that comes with a request."""
    return Attached(name=name, media_type=media_type, content=content)
