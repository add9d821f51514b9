"""The REST API's delivery log: what is owed to the outside, why it waits and until when, every attempt, once more."""

from aiohttp import web

from monitor.storage import deliveries
from monitor.web import api_inputs as i
from monitor.web import api_models as m
from monitor.web import commands
from monitor.web.api import actor, listing, of, with_requests
from monitor.web.auth import may_see_requests
from monitor.web.openapi import Api


def add_deliveries(api: Api) -> None:
    """Declare the delivery log."""

    @api.route("GET", "/api/v1/deliveries")
    async def list_deliveries(request: web.Request, params: i.DeliveryQuery) -> m.Listing[m.Delivery]:
        """List what is and was owed to the outside, newest first: why it waits, and until when."""
        parts = of(request)
        wanted = with_requests(request, params.wanted())
        page = await parts.store.read(
            deliveries.list_deliveries, wanted, parts.clock(), parts.contact(), params.waits
        )
        return listing(request, page, m.Delivery.model_validate)

    @api.route("GET", "/api/v1/deliveries/{id}", errors=(404,))
    async def get_delivery(request: web.Request, params: i.ById) -> m.DeliveryFile:
        """Read one contact with every attempt at it and what the provider said of each."""
        return await _file(request, params.id)

    @api.route("POST", "/api/v1/deliveries/{id}/retry", errors=(404, 409))
    async def retry_delivery(request: web.Request, params: i.ById) -> m.DeliveryFile:
        """Send a contact once more that failed, was set aside or cancelled."""
        await commands.retry(of(request), actor(request), params.id)
        return await _file(request, params.id)


async def _file(request: web.Request, id_: str) -> m.DeliveryFile:
    parts = of(request)
    found = await parts.store.read(
        deliveries.delivery_file, id_, parts.clock(), parts.contact(), requests=may_see_requests(request)
    )
    line = m.Delivery.model_validate(found.line)
    tried = [m.DeliveryAttempt.model_validate(each) for each in found.attempts]
    return m.DeliveryFile(**line.model_dump(), tried=tried)
