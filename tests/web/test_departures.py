"""A client that hangs up before its answer is no failure of ours; a connection of ours that breaks is."""

from unittest.mock import Mock

import pytest
from structlog.testing import capture_logs

from monitor.web.problems import unforeseen


@pytest.mark.parametrize(("there", "logged"), [(False, []), (True, ["request.failed"])])
def test_only_what_breaks_while_the_client_is_there_is_logged(there, logged):
    request = Mock(path="/api/v1/crashes", method="POST", transport=Mock() if there else None)
    with capture_logs() as written:
        unforeseen(request, ConnectionResetError("Connection lost"))
    assert [line["event"] for line in written] == logged


def test_what_nobody_foresaw_is_logged_without_a_path_that_may_hold_a_token():
    request = Mock(path="/ack/att_1.6a.secret", method="GET", transport=Mock())
    request.match_info.route.resource.canonical = "/ack/{token}"
    with capture_logs() as written:
        unforeseen(request, ValueError("year is out of range"))
    assert (written[0]["path"], "secret" in str(written)) == ("/ack/{token}", False)
