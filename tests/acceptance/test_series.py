"""Series that an alert counts on are there before anything happened."""


async def test_a_promise_of_each_class_has_its_series_from_the_start(world):
    registry = world.service.rounds.metrics.registry
    await world.service.rounds.once()
    for cls in ("critical", "standard"):
        for name in ("tocsin_clock_breaches_total", "tocsin_clocks_running"):
            labels = {"class": cls, "clock": "response"}
            assert registry.get_sample_value(name, labels) == 0, (name, cls)
        assert registry.get_sample_value("tocsin_findings_open", {"class": cls}) == 0
    for channel in ("ticket", "phone", "page", "mail"):
        assert registry.get_sample_value("tocsin_outbox_pending", {"channel": channel}) == 0
