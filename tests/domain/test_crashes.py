"""What crashes share, whose they are, what is kept of them."""

import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain.crashes import (
    CrashReport,
    Frame,
    crash_finding_facts,
    group,
    resolve_system,
    scrub,
    signal_name,
    signature,
    storm,
)
from monitor.domain.inventory import Inventory, System
from monitor.domain.scrubbing import is_secret, mask_text
from monitor.domain.signatures import file_name, function_name, parameterise

NOW = datetime(2026, 11, 22, 3, 4, 5, tzinfo=UTC)


def a_report(**changes) -> CrashReport:
    return replace(CrashReport(id="c1", key="k1", source="json", at=NOW, process="pbxcore"), **changes)


def frames(*names: str) -> tuple[Frame, ...]:
    return tuple(Frame(function=name) for name in names)


def segv(*names: str, **changes) -> CrashReport:
    return a_report(signal="SIGSEGV", frames=frames(*names), **changes)


# --- grouping


@pytest.mark.parametrize(
    "one, other",
    [
        pytest.param(
            segv("sip_parse", "route"),
            segv("sip_parse", "route", message="x", version="9"),
            id="another version",
        ),
        pytest.param(
            segv("sip_parse(char const*)", "route"),
            segv("sip_parse(char const*, int)", "route"),
            id="other arguments",
        ),
        pytest.param(
            segv("__GI_raise", "__GI_abort", "dial"),
            segv("raise", "abort", "__assert_fail", "dial"),
            id="ways to die",
        ),
        pytest.param(segv("walk", "walk", "main"), segv(*["walk"] * 60, "main"), id="depth of a recursion"),
        pytest.param(
            segv("even", "odd", "main"), segv(*["even", "odd"] * 20, "main"), id="a mutual recursion"
        ),
        pytest.param(
            segv("a", "b", "c", "d", "e"), segv("a", "b", "c", "d", "x"), id="beyond the fourth frame"
        ),
        pytest.param(
            segv("a", process="/opt/pbx/pbxcore"), segv("a", process="pbxcore[1234]"), id="folder and pid"
        ),
        pytest.param(
            a_report(exception="OSError", message="cannot reach 10.0.0.1:5060 after 31 seconds"),
            a_report(exception="OSError", message="cannot reach 192.168.7.9:5061 after 4 seconds"),
            id="words that change",
        ),
        pytest.param(
            a_report(exception="E", frames=frames("x"), fingerprint=("{{ default }}",)),
            a_report(exception="E", frames=frames("x")),
            id="the default fingerprint",
        ),
    ],
)
def test_what_changes_from_crash_to_crash_does_not_split_a_group(one, other):
    assert group(one).id == group(other).id


@pytest.mark.parametrize(
    "one, other",
    [
        pytest.param(segv("a"), segv("b"), id="another place"),
        pytest.param(segv("a"), replace(segv("a"), signal="SIGABRT"), id="another signal"),
        pytest.param(segv("a"), segv("a", process="voicemail"), id="another program"),
        pytest.param(
            a_report(exception="HTTPError", message="upstream said 503"),
            a_report(exception="HTTPError", message="upstream said 520"),
            id="another status",
        ),
        pytest.param(
            a_report(message="exit code 1"), a_report(message="exit code 2"), id="another exit code"
        ),
        pytest.param(
            segv("a", fingerprint=("trunk", "{{ default }}")), segv("a", fingerprint=("queue", "{{ default }}")),
            id="another fingerprint",
        ),
        pytest.param(segv("a", fingerprint=("x",)), segv("a", fingerprint=("x", "y")), id="a longer fingerprint"),
        pytest.param(
            segv("a", fingerprint=("x, y",)), segv("a", fingerprint=("x", "y")), id="a fingerprint with a comma"
        ),
    ],
)  # fmt: skip
def test_two_problems_are_two_groups(one, other):
    assert group(one).id != group(other).id


def test_a_group_has_a_versioned_id_a_title_and_says_what_it_was_grouped_by():
    found = group(segv("__GI_abort", "void sip::parse<int>(char*)", "route"))
    assert found.id.startswith("v1:")
    assert len(found.id) == 3 + 32
    assert found.title == "SIGSEGV | sip::parse<T> | route"
    assert found.grouped_by == (
        "kind: crash", "product: pbxcore", "reason: SIGSEGV", "frame: sip::parse<T>", "frame: route",
    )  # fmt: skip


def test_the_id_of_a_group_never_changes_within_a_version():
    assert group(segv("sip_parse", "route")).id == "v1:116d1c92fc3f35ba7a59b2fb38841c8a"
    assert group(segv("a", fingerprint=("x",))).grouped_by == ("product: pbxcore", "fingerprint: x")


def test_frames_of_the_program_outrank_those_of_its_libraries():
    stack = (
        Frame(function="memcpy", in_app=False),
        Frame(function="dial", in_app=True),
        Frame(function="lib_loop"),
    )
    assert signature(a_report(signal="SIGSEGV", frames=stack)) == "SIGSEGV | dial"


def test_a_frame_without_symbols_is_its_module_and_offset_never_an_address():
    stack = (
        Frame(module="/opt/pbx/bin/PBXCore", build_id="AABBCCDDEEFF", offset=0x115C),
        Frame(function="0x7f00dead"),
    )
    assert signature(a_report(signal="SIGSEGV", frames=stack)) == "SIGSEGV | pbxcore@aabbccdd+0x115c"


def test_an_anonymous_function_is_known_by_its_file_without_the_build_hash():
    one, other = (
        a_report(
            exception="TypeError",
            frames=(Frame(function="<anonymous>", file=f"https://x/js/main.{h}.js?v=2"),),
        )
        for h in ("3f2a9c11", "77aa01bc")
    )
    assert signature(one) == "TypeError | main.<hash>.js <anonymous>"
    assert group(one).id == group(other).id


@pytest.mark.parametrize(
    "raw, name",
    [
        ("void foo::bar<std::map<int, int>>(int, char const*) const", "foo::bar<T>"),
        ("(anonymous namespace)::run(Thing&)", "{anonymous}::run"),
        ("core::ptr::drop::h0123456789abcdef", "core::ptr::drop"),
        ("parse.constprop.0", "parse"),
        ("parse [clone .cold.3]", "parse"),
        ("Pbx::operator()(int)", "Pbx::operator()(int)"),
        ("<module>", "<module>"),
        ("Object.<anonymous>", "Object.<anonymous>"),
        ("App.{lambda(int)#3}", "App.{lambda}"),
        ("0x7fff12", ""),
        ("unbalanced<foo", "unbalanced<foo"),
    ],
)
def test_a_function_is_known_without_types_arguments_clones_and_hashes(raw, name):
    assert function_name(raw) == name


@pytest.mark.parametrize(
    "text, same",
    [
        ("user bob@example.com failed", "user <email> failed"),
        ("GET https://x.test/a/17?b=2 failed", "GET <url> failed"),
        ("call sip:4711@10.0.0.1 dropped", "call <url> dropped"),
        ("id 604ad136-05e5-4a06-3c65-3359b1c480c7", "id <id>"),
        ("at 2026-11-22T00:32:01.4Z", "at <date>"),
        ("phone 00:1a:2B:3c:4d:5e", "phone <id>"),
        ("peer 10.1.2.3:5060 and fe80::1:2:3", "peer <ip> and <ip>"),
        ("at 0xdeadbeef", "at <hex>"),
        ("took 3.5 ms", "took <duration>"),
        ("ratio 0.75, 4711 rows, 7 left", "ratio <float>, <int> rows, <int> left"),
        ("status 503", "status 503"),
        ("SIP/2.0 486 Busy", "SIP/2.0 486 Busy"),
        ("errno=13", "errno=13"),
        ("\n\n  first\n\nsecond\nthird", "first\nsecond"),
        ("sha da39a3ee5e6b4b0d3255bfef95601890afd80709", "sha <hash>"),
    ],
)
def test_a_message_loses_what_changes_and_keeps_what_tells_problems_apart(text, same):
    assert parameterise(text) == same


def test_a_file_is_known_by_its_name():
    assert file_name("C:\\pbx\\main.py") == "main.py"
    assert file_name("app:///static/vendor.a1b2c3d4.chunk.js") == "vendor.<hash>.chunk.js"


@pytest.mark.parametrize(
    "raw, name", [(11, "SIGSEGV"), ("11", "SIGSEGV"), ("segv", "SIGSEGV"), ("SIGABRT", "SIGABRT"),
                  (99, "signal 99"), ("signal 99", "signal 99"), (19, "SIGSTOP"), ("", None), (None, None)],
)  # fmt: skip
def test_a_signal_has_one_name(raw, name):
    assert signal_name(raw) == name


texts = st.text(max_size=300)


@given(texts, st.lists(texts, max_size=8), texts, st.lists(texts, max_size=4))
def test_every_report_has_a_group_and_a_title_of_one_bounded_line(message, names, exception, fingerprint):
    report = a_report(
        message=message, frames=frames(*names), exception=exception or None, fingerprint=tuple(fingerprint)
    )
    found = group(scrub(report))
    assert found.id.startswith("v1:")
    assert 0 < len(found.title) <= 255
    assert found == group(scrub(report))


@pytest.mark.parametrize("text", ["1" * 8000, "a." * 4000, ":" * 8000, "'=" * 4000, "0x" * 4000, "a@" * 4000, "<" * 8000,
                                  "(" * 4000 + ")" * 4000, "pin" * 2700, "-----BEGIN A" * 600, "eyJ" * 2600, "://a:" * 1600,
                                  "password" * 1000, "response=" * 800, "sip:a:" * 1300])  # fmt: skip
def test_no_text_makes_reading_it_slow(text):
    began = time.process_time()
    report = a_report(message=text, frames=frames(text), tags={"a": text}, extra={"e": text})
    group(scrub(report))
    assert time.process_time() - began < 0.25


# --- whose it is

FLEET = Inventory(
    systems={
        s.serial: s
        for s in (
            System(
                serial="2414-1000-A1B2",
                partner="p",
                host="pbx1.example.net",
                licence="WLX-11-2222",
                machine_id="abc",
            ),
            System(serial="PBX-1002", partner="p", host="pbx2.example.net", licence="SHARED"),
            System(serial="PBX-1003", partner="q", host="pbx3.example.net", licence="SHARED"),
        )
    }
)


@pytest.mark.parametrize(
    "hint, serial, rule",
    [
        pytest.param({"serial": "PBX-1002"}, "PBX-1002", "serial", id="the serial"),
        pytest.param(
            {"serial": "24:14:10:00:a1:b2"}, "2414-1000-A1B2", "serial", id="the serial spelt otherwise"
        ),
        pytest.param({"serial": "?", "licence": "wlx112222"}, "2414-1000-A1B2", "licence", id="the licence"),
        pytest.param({"licence": "SHARED"}, None, "unmapped", id="a licence of two systems"),
        pytest.param(
            {"licence": "SHARED", "host": "pbx3.example.net"}, "PBX-1003", "host", id="the next rule then"
        ),
        pytest.param({"machine_id": "ABC"}, "2414-1000-A1B2", "machine_id", id="the machine id"),
        pytest.param({"host": "PBX2.Example.Net."}, "PBX-1002", "host", id="the host"),
        pytest.param(
            {"host": "https://x@pbx2.example.net:443/y"}, "PBX-1002", "host", id="the host in an address"
        ),
        pytest.param({"host": ""}, None, "unmapped", id="an empty host"),
        pytest.param({}, None, "unmapped", id="nothing"),
    ],
)
def test_a_crash_is_its_systems_by_the_first_rule_that_finds_one(hint, serial, rule):
    found = resolve_system(a_report(system_hint=hint), FLEET)
    assert (found.serial, found.mapped_by, found.conflict) == (serial, rule, None)


def test_the_credentials_own_system_outranks_a_spoofed_serial_and_the_claim_is_kept():
    found = resolve_system(a_report(token_system="PBX-1002", system_hint={"serial": "PBX-1003"}), FLEET)
    assert (found.serial, found.mapped_by, found.conflict) == ("PBX-1002", "token", "PBX-1003")


def test_a_spelling_of_the_credentials_own_serial_is_no_conflict():
    found = resolve_system(a_report(token_system="PBX-1002", system_hint={"serial": "pbx1002"}), FLEET)
    assert (found.serial, found.conflict) == ("PBX-1002", None)


def test_a_credential_of_a_system_that_is_gone_maps_to_nobody_elses():
    found = resolve_system(a_report(token_system="PBX-OLD", system_hint={"serial": "PBX-1003"}), FLEET)
    assert (found.serial, found.mapped_by, found.conflict) == (None, "unmapped", "PBX-1003")


def test_a_reloaded_inventory_is_asked_at_once():
    report = a_report(system_hint={"serial": "new-1"})
    assert resolve_system(report, FLEET).serial is None
    reloaded = Inventory(systems={**FLEET.systems, "NEW1": System(serial="NEW1", partner="p")})
    assert resolve_system(report, reloaded).serial == "NEW1"


# --- what is kept

SECRETS = [
    "password=hunter2xyz", "password: hunter2xyz", '"password": "hunter2xyz"', "PASSWD='hunter2xyz'",
    "api_key=hunter2xyz", "X-Api-Key: hunter2xyz", "voicemail pin: hunter2xyz", "client_secret=hunter2xyz",
    "https://bob:hunter2xyz@example.com/", "sip:4711:hunter2xyz@pbx", "Authorization: Bearer hunter2xyz",
    "Authorization: Basic aHVudGVyMnh5ehunter2xyz", "Cookie: a=1; session=hunter2xyz",
    "https://0123456789abcdef0123456789abcdef@hunter2xyz.ingest/42", "eyJhbGciOi.eyJzdWIiOihunter2xyz.c2ln",
    "-----BEGIN RSA PRIVATE KEY-----\nhunter2xyz\n-----END RSA PRIVATE KEY-----", "-----BEGIN X-----\nhunter2xyz",
    'Digest username="4711", realm="pbx", response="hunter2xyz"', "access_token=hunter2xyz&x=1", "pwd:hunter2xyz",
]  # fmt: skip


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_inside_a_text_is_masked_wherever_the_text_stands(secret):
    text = f"dial failed: {secret}"
    report = scrub(
        a_report(
            message=text,
            exception=text,
            tags={"note": text},
            frames=(Frame(function=text, file=text),),
            fingerprint=(text,),
            extra={"a": [{"b": text}]},
            system_hint={"host": text},
        )
    )
    assert "hunter2" not in repr(report)
    assert "dial failed: " in report.message
    assert scrub(report) == report


@pytest.mark.parametrize(
    "key",
    ["password", "apiKey", "X-Auth-Token", "voicemail_pin", "PIN", "set-cookie", "sip.secret", "session_id"],
)
def test_a_field_with_a_secrets_name_is_masked_whole(key):
    report = scrub(a_report(extra={"outer": {key: {"deep": "hunter2"}}}, tags={key: "hunter2"}))
    assert "hunter2" not in repr(report)
    assert key in report.extra["outer"]


@pytest.mark.parametrize(
    "key", ["vars", "sys.argv", "env", "environ", "dsn", "SENTRY_DSN", "context_line", "pre_context"]
)
def test_what_is_never_worth_keeping_is_dropped(key):
    assert scrub(a_report(extra={"contexts": {key: ["x"], "os": "linux"}})).extra == {
        "contexts": {"os": "linux"}
    }


@pytest.mark.parametrize(
    "text",
    ["SIP/2.0 486 Busy Here", "spin lock", "key error: 'serial'", "https://example.com/path", "module sip.tokenizer",
     "sip:4711@pbx.example.net;transport=tls", "the response took long", "licence WLX-11-2222"],
)  # fmt: skip
def test_what_is_no_secret_stays_word_for_word(text):
    assert mask_text(text) == text


def test_a_licence_key_is_no_secret_and_a_serial_is_none_either():
    assert not is_secret("licence.key")
    assert not is_secret("pbx.serial")
    assert not is_secret("author")


def test_in_a_storm_the_first_of_an_hour_are_kept_whole_and_the_others_counted():
    arrivals = [("g", "A")] * 3 + [("g", "B")] + [("h", "A")]
    assert storm(arrivals, {("g", "A"): 18}) == (False, False, True, False, False)
    assert storm(arrivals, {}, keep=1) == (False, True, True, False, False)


def test_the_finding_says_in_one_sentence_what_happened():
    said = crash_finding_facts(segv("sip_parse", "route", version="5.02"))
    assert said.summary == "pbxcore 5.02 crashed with SIGSEGV (invalid memory access) in sip_parse"
    assert said.facts == {}


def test_what_a_program_said_before_it_gave_up_is_in_the_sentence():
    words = "Assertion `calls < 5' failed."
    dumped = a_report(signal="SIGABRT", message=words, extra={"dump": {"kind": "core"}})
    assert crash_finding_facts(dumped).summary.endswith(words)
    told = a_report(signal="SIGSEGV", message="Process 4711 (pbxcore) of user 0 dumped core.")
    assert "4711" not in crash_finding_facts(told).summary


def test_a_crash_loop_is_severe_and_the_sentence_says_so():
    said = crash_finding_facts(segv("dial"), recent=4, impact="limited")
    assert said.summary.endswith("in dial, 4 times within ten minutes")
    assert said.facts == {"impact": "severe"}


def test_the_declared_role_of_a_process_says_its_impact():
    assert crash_finding_facts(segv("dial"), impact="restricted").facts == {"impact": "restricted"}


def test_an_exception_is_said_with_its_words():
    said = crash_finding_facts(a_report(exception="KeyError", message="'serial'\nmore"))
    assert said.summary == "pbxcore crashed with KeyError: 'serial'"
