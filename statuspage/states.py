"""What the states of problems and works are called, and what they mean to somebody who waits; in English, as in templates."""

from collections.abc import Mapping

STATES: Mapping[str, tuple[str, str]] = {  # what a problem's state means to somebody who waits
    "investigating": ("Investigating", "Looking for the cause"),
    "identified": ("Identified", "Cause found, fix under way"),
    "monitoring": ("Monitoring", "Fix in place, watching it"),
    "resolved": ("Resolved", "Over"),
    "postmortem": ("Review", "Over, and written up"),
    "scheduled": ("Scheduled", "Planned"),
    "in_progress": ("In progress", "Going on now"),
    "verifying": ("Verifying", "Done, being verified"),
    "completed": ("Completed", "Done"),
    "cancelled": ("Cancelled", "Will not take place"),
}
IMPACTS: Mapping[str, str] = {
    "minor": "Minor impact",
    "major": "Major impact",
    "critical": "Critical impact",
}
