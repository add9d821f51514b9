"""The page that shows every answer shows what is really sent: ``python -m tests.docs.test_answers_shown`` writes it."""

from pathlib import Path

from alerts.answers import Answer, AnswerMatter, Appointment, Move, answer_text

PAGE = Path(__file__).parents[2] / "docs" / "answers.md"
DUE = "2026-11-23 10:30 CET (UTC+01:00)"
STARTS, ENDS = "2026-11-24 10:00 CET (UTC+01:00)", "2026-11-24 11:00 CET (UTC+01:00)"

HEAD = """# What customers are answered

Who sends in a request is answered by mail, in the language they are served in: da de en es et fi fr is it lv nb sv; English for everybody else. The
number in brackets brings a reply back to the request; the reply address does so, too, where mail is taken in. Everybody who takes part gets
a mail of their own. The sentences are data ([texts](channels/texts.md)); what the policy says stands in the policy's language. A mail
that cannot be delivered is shown on the request, and an engineer phones ([for engineers](noc.md#when-you-are-on-call)).

Here they are in English, each with all it may say; what is not known is left out.
"""
WHEN = {
    "taken": "The request has what it needs: it is filed, its clock runs.",
    "incomplete": "Required fields are missing. It is filed, and completed by a reply.",
    "refused": "It is not taken: the channel, the hour, the scope or the contract stands against it.",
    "replied": "An engineer has written. This mail does not say that a machine wrote it.",
    "closed": "It is over. What comes later is a new request that names this one.",
    "appointment, booked": "A technician's time is booked, with an entry for the customer's calendar.",
    "appointment, moved": "It has another time; the calendar entry moves along.",
    "appointment, cancelled": "It does not take place.",
    "reminder": "Something the customer has to do falls due soon.",
    "reminder, missed": "Its time has passed: an engineer decides what follows. Nothing is lowered by itself.",
    "passed_on": "It went to the vendor, as the policy says.",
}


def a_matter(**changes: object) -> AnswerMatter:
    known = {
        "reference": "R-00012",
        "zone": "Europe/Rome",
        "service": "Example Support",
        "subject": "No audio since noon",
        "name": "Giulia Ferrari",
        "link": "https://support.example/portal/requests/R-00012",
        "way_in": "https://support.example/portal/requests/new",
    }
    return AnswerMatter(**{**known, **changes})


def matters() -> dict[str, AnswerMatter]:
    call = (("confirm the request by phone", DUE),)
    at = {move: Appointment(move=move, starts=STARTS, ends=ENDS, technician="Tomas Novak") for move in Move}
    return {
        "taken": a_matter(
            class_name="critical",
            respond_by=DUE,
            charge="1 incident: a ticket turned over to the support team",
            duties=call,
            asks=("can it be reproduced with another operator (carrier)?",),
        ),
        "incomplete": a_matter(missing=("serial number of the system", "full description of the problem")),
        "refused": a_matter(
            refusals=("email: only on an existing ticket, which is missing; open it in the portal",),
            clause="3",
            secret_found=True,
        ),
        "replied": a_matter(
            text="We see one-way audio on the trunk.\nPlease restart the gateway and tell us."
        ),
        "closed": a_matter(text="The trunk was reset at 11:20 and audio is back.", charge="1 incident"),
        **{f"appointment, {move}": a_matter(appointment=at[move]) for move in Move},
        "reminder": a_matter(duties=call),
        "reminder, missed": a_matter(duties=call, missed=True),
        "passed_on": a_matter(),
    }


def page() -> str:
    """Write the page."""
    parts = [HEAD]
    for title, matter in matters().items():
        written = answer_text(title.split(",")[0], matter, "en")
        parts.append(
            f"\n## {title.capitalize().replace('_', ' ')}\n\n{WHEN[title]}\n\n"
            f"```text\nSubject: {written.subject}\n\n{written.body}\n```\n"
        )
    return "".join(parts)


def test_the_page_shows_every_answer_as_it_is_sent() -> None:
    assert {title.split(",")[0] for title in matters()} == set(Answer)
    assert page() == PAGE.read_text("utf-8"), "write it anew: python -m tests.docs.test_answers_shown"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
