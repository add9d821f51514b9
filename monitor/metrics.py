"""Every Prometheus series of the service, declared once. Each has a row in docs/metrics.md (tested).

No label carries a partner's or a system's name: cardinality stays small and nothing of a customer's
leaks through a scrape.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

LOOK_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
LAG_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0)
CONTACT_BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0, 1800.0)


disable_created_metrics()  # type: ignore[no-untyped-call]  # a gauge for each counter that nobody asked for


class VantageSeries:
    """The series of other places to look from."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register them."""
        self.configured = Gauge(
            "tocsin_vantages", "Other places to look from that are configured.", registry=registry
        )
        self.seeing_out = Gauge(
            "tocsin_vantages_seeing_out", "How many of them see out themselves.", registry=registry
        )
        self.second_looks = Counter(
            "tocsin_second_looks", "Second looks from them.", ["result"], registry=registry
        )
        self.one_place = Gauge(
            "tocsin_checks_seen_from_one_place",
            "Checks that fail from here and are well elsewhere.",
            registry=registry,
        )


class Metrics:
    """The series, on a registry of their own (one per service, so that tests do not share)."""

    def __init__(self, *, version: str) -> None:
        r = self.registry = CollectorRegistry()
        self.checks = Counter("tocsin_checks", "Looks taken.", ["type", "result"], registry=r)
        self.check_duration = Histogram(
            "tocsin_check_duration_seconds",
            "How long a look took.",
            ["type"],
            buckets=LOOK_BUCKETS,
            registry=r,
        )
        self.check_lag = Histogram(
            "tocsin_check_lag_seconds",
            "How late a look started after it was due.",
            buckets=LAG_BUCKETS,
            registry=r,
        )
        self.checks_overdue = Gauge(
            "tocsin_checks_overdue", "Checks not looked at for more than two intervals.", registry=r
        )
        self.checks_flapping = Gauge("tocsin_checks_flapping", "Checks that come and go.", registry=r)
        self.anchors = Gauge("tocsin_anchors", "Reference targets that are configured.", registry=r)
        self.anchors_answering = Gauge(
            "tocsin_anchors_answering", "Reference targets that answered last time.", registry=r
        )
        self.sees_out = Gauge("tocsin_sees_out", "0 while too few reference targets answer.", registry=r)
        self.sees_out.set(1)
        self.vantages = VantageSeries(r)
        self.looks_doubted = Counter(
            "tocsin_looks_doubted", "Failing looks not believed, because we could not see out.", registry=r
        )
        self.findings_open = Gauge("tocsin_findings_open", "Findings that stand.", ["class"], registry=r)
        self.findings = Counter("tocsin_findings", "Findings believed.", ["source", "class"], registry=r)
        self.finding_to_attempt = Histogram(
            "tocsin_finding_to_attempt_seconds",
            "From the finding on record to the first attempt at a contact.",
            ["channel"],
            buckets=CONTACT_BUCKETS,
            registry=r,
        )
        self.attempts = Counter(
            "tocsin_attempts", "Contact attempts that came to an end.", ["channel", "result"], registry=r
        )
        self.escalation_steps_skipped = Counter(
            "tocsin_escalation_steps_skipped",
            "Steps of escalations that nobody was in, left out at once.",
            registry=r,
        )
        self.acknowledgements_expired = Counter(
            "tocsin_acknowledgements_expired",
            "Acknowledgements that ran out: their incidents are open again.",
            registry=r,
        )
        self.ticket_sync = Histogram(
            "tocsin_ticket_sync_seconds",
            "How long it took to read a ticket, or to ask what changed, in its own system.",
            ["driver", "what"],
            buckets=LOOK_BUCKETS,
            registry=r,
        )
        self.ticket_sync_errors = Counter(
            "tocsin_ticket_sync_errors",
            "Readings of a ticket system that failed.",
            ["driver", "what"],
            registry=r,
        )
        self.ticket_notes_in = Counter(
            "tocsin_ticket_notes",
            "Notes by others that were read in tickets.",
            ["driver"],
            registry=r,
        )
        self.attempts_ambiguous = Counter(
            "tocsin_attempts_ambiguous",
            "Attempts whose outcome the provider had to be asked for.",
            registry=r,
        )
        self.phone_lines = Gauge(
            "tocsin_phone_lines",
            "Lines of the phone driver `sip`, by whether they are up.",
            ["state"],
            registry=r,
        )
        self.requests = Counter(
            "tocsin_requests", "Requests on record as they came.", ["channel", "status"], registry=r
        )
        self.outbox_pending = Gauge(
            "tocsin_outbox_pending", "Outbox rows not yet done.", ["channel"], registry=r
        )
        self.outbox_wait = Histogram(
            "tocsin_outbox_wait_seconds",
            "How long a row stood before an attempt, by what it waited for last.",
            ["channel", "cause"],
            buckets=CONTACT_BUCKETS,
            registry=r,
        )
        self.outbox_waiting = Gauge(
            "tocsin_outbox_waiting", "Outbox rows that wait, by what for.", ["cause"], registry=r
        )
        self.outbox_ambiguous = Gauge(
            "tocsin_outbox_ambiguous", "Attempts of whose end nothing is known now.", registry=r
        )
        self.outbox_set_aside = Gauge(
            "tocsin_outbox_set_aside", "Outbox rows set aside for a person.", registry=r
        )
        self.subscribers = Gauge(
            "tocsin_subscribers", "Confirmed subscribers of the status page.", ["channel"], registry=r
        )
        self.provider_up = Gauge(
            "tocsin_provider_up", "1 if a provider answers, 0 while it is away.", ["provider"], registry=r
        )
        self.caps_hit = Counter(
            "tocsin_contact_caps_hit", "Calls stopped by a cap of the day.", ["cap"], registry=r
        )
        self.outbox_oldest = Gauge(
            "tocsin_outbox_oldest_seconds",
            "Age of the oldest outbox row that is due and not done.",
            registry=r,
        )
        self.clock_breaches = Counter(
            "tocsin_clock_breaches", "Promises that were not kept in time.", ["class", "clock"], registry=r
        )
        self.clock_warnings = Counter(
            "tocsin_clock_warnings", "Clocks that were warned of.", ["class", "clock"], registry=r
        )
        self.duties_missed = Counter(
            "tocsin_duties_missed",
            "Duties of customers that were not done in time.",
            ["class", "duty"],
            registry=r,
        )
        self.clocks_running = Gauge(
            "tocsin_clocks_running", "Promises and duties being timed.", ["class", "clock"], registry=r
        )
        self.clocks_paused = Gauge(
            "tocsin_clocks_paused", "Clocks that stand still.", ["class", "clock"], registry=r
        )
        self.crash_reports = Counter(
            "tocsin_crash_reports", "Crash reports by what became of them.", ["source", "result"], registry=r
        )
        self.alerts = Counter(
            "tocsin_alerts",
            "What others said of their alerts, by what it changed.",
            ["source", "result"],
            registry=r,
        )
        self.alerts_firing = Gauge("tocsin_alerts_firing", "Alerts of others that stand.", registry=r)
        self.alerts_unmapped = Gauge(
            "tocsin_alerts_unmapped",
            "Of these, those that no rule could map: a person is needed.",
            registry=r,
        )
        self.crash_trends = Counter(
            "tocsin_crash_trends", "Crash groups told of: by release, by spike.", ["kind"], registry=r
        )
        self.mails = Counter(
            "tocsin_mails", "Mails that came in, by what became of them.", ["result"], registry=r
        )
        self.component_status = Gauge(
            "tocsin_component_status",
            "0 operational, 1 degraded, 2 partial, 3 major, 4 maintenance, -1 unknown.",
            ["component"],
            registry=r,
        )
        self.engine_last_cycle = Gauge(
            "tocsin_engine_last_cycle_timestamp_seconds",
            "When the engine last finished its rounds.",
            registry=r,
        )
        self._of_the_faces()
        self.config_reload_successful = Gauge(
            "tocsin_config_last_reload_successful",
            "1 if the newest configuration file is in force.",
            registry=r,
        )
        self.config_reload_successful.set(1)
        Gauge("tocsin_build_info", "What is running; always 1.", ["version"], registry=r).labels(version).set(
            1
        )

    def _of_the_faces(self) -> None:
        self.maintenance_active = Gauge(
            "tocsin_maintenance_active", "Planned maintenances in progress.", registry=self.registry
        )
        self.audit_rows = Gauge(
            "tocsin_audit_rows", "Rows of the audit log, when last read.", registry=self.registry
        )
        self.audit_whole = Gauge(
            "tocsin_audit_whole",
            "1 if the audit log's chain held when last read, else 0.",
            registry=self.registry,
        )

    def phone_lines_up(self, up: int, of: int) -> None:
        """Set how many of the phone's lines are up."""
        self.phone_lines.labels("up").set(up)
        self.phone_lines.labels("down").set(of - up)
