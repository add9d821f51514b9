"""What an ``http`` check refuses before it looks: bad targets, bad options, secrets that would show."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from checks.http_options import HttpOptions
from checks.http_transfer import read_url
from monitor.domain.findings import Verdict
from tests.checks.http_looks import a_check

UP, DEGRADED, DOWN = Verdict.UP, Verdict.DEGRADED, Verdict.DOWN


BAD_TARGETS = {
    "no scheme": ("127.0.0.1:80", "is no URL as http"),
    "another scheme": ("file:///etc/passwd", "is no URL as http"),
    "credentials": ("http://user:pw@127.0.0.1/", "into headers"),
    "a port that is none": ("http://127.0.0.1:99999/", "is no URL"),
    "metadata": ("http://169.254.169.254/", "never looked at"),
    "metadata, mapped": ("http://[::ffff:169.254.169.254]/", "never looked at"),
    "no host": ("http:///x", "is not a host name"),
    "a line break": ("http://127.0.0.1/a\r\nX: y", "is no URL"),
}


@pytest.mark.parametrize("case", BAD_TARGETS)
def test_a_bad_target_is_refused_with_a_sentence(case):
    target, said = BAD_TARGETS[case]
    with pytest.raises(ValueError, match=said) as refusal:
        a_check(None, target)
    assert "pw" not in str(refusal.value)


def test_urls_are_made_plain():
    assert read_url("http://EXÄMPLE.com/ä?q=ö").url == "http://xn--exmple-cua.com/%C3%A4?q=%C3%B6"
    assert read_url("https://[2001:db8::1]").url == "https://[2001:db8::1]/"
    assert read_url("http://a.example/a%20b?c=%26").url == "http://a.example/a%20b?c=%26"


BAD_OPTIONS = {
    "a key that is none": {"metod": "GET"},
    "a status that is none": {"status": "abc"},
    "a pattern that is none": {"body": {"matches": "("}},
    "a path that is none": {"json": [{"path": "a..b", "op": "exists"}]},
    "a rule without a value": {"json": [{"path": "a"}]},
    "a header that is none": {"headers": {"a b": "c"}},
    "too many redirects": {"follow_redirects": 9},
}


@pytest.mark.parametrize("case", BAD_OPTIONS)
def test_bad_options_are_refused(case):
    with pytest.raises(ValidationError):
        HttpOptions.model_validate(BAD_OPTIONS[case])


def test_a_secret_is_shown_nowhere():
    options = HttpOptions.model_validate({"headers": {"X-Key": "s3cret"}, "send": "s3cret"})
    assert "s3cret" not in repr(options) + options.model_dump_json()


def test_a_header_value_with_a_line_break_or_an_unknown_variable_is_refused():
    with pytest.raises(ValueError, match="control character"):
        a_check(None, "http://127.0.0.1/", headers={"X-Key": "a\r\nb: c"})
    with pytest.raises(ValueError, match=r"\$\{NOPE\} is not set"):
        a_check(None, "http://127.0.0.1/", headers={"X-Key": "${NOPE}"})


def test_a_missing_file_of_authorities_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="is not a file"):
        a_check(None, "https://127.0.0.1/", ca_file=str(tmp_path / "none.pem"))
