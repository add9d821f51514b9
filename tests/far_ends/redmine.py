"""Starts a real Redmine (Debian's packages) over a copy of its seeded SQLite database.

    with redmine(folder) as running: running.url, running.key, running.database …

Needs ``apt-get install redmine redmine-sqlite puma``, configured with SQLite.
"""

import os
import shutil
import socket
import sqlite3
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.requirements import require

HOME = Path("/usr/share/redmine")
SEED = Path("/var/lib/dbconfig-common/sqlite3/redmine/instances/default/redmine_default")
HOW = "apt-get install redmine redmine-sqlite puma (debconf: database-type sqlite3)"
PATIENCE = 90

ADMIN, OURS, NOBODY = "a" * 40, "b" * 40, "c" * 40
"""API keys: an administrator's (the tests look in with it), our driver's user's, and one of a user without rights."""

# What an operator does once by hand in the web pages: the interface switched on, two projects (the second without
# our custom field), the field, a role that may do what the page on this channel says, users with their keys.
_PREPARE = """
insert into settings(name,value,updated_on) values('rest_api_enabled','1',datetime('now'));
insert into settings(name,value,updated_on) values('login_required','0',datetime('now'));
insert into projects(id,name,identifier,status,is_public,inherit_members,lft,rgt,created_on,updated_on)
  values (1,'Support','support',1,1,0,1,2,datetime('now'),datetime('now')),
         (2,'Aurora','aurora',1,1,0,3,4,datetime('now'),datetime('now'));
insert into enabled_modules(project_id,name) values (1,'issue_tracking'),(2,'issue_tracking');
insert into projects_trackers(project_id,tracker_id) select p.id, t.id from projects p, trackers t;
insert into custom_fields(id,type,name,field_format,is_required,is_for_all,is_filter,searchable,editable,visible,
  multiple,position,possible_values,default_value,format_store,description)
  values (7,'IssueCustomField','Tocsin incident','string',0,1,1,1,1,1,0,1,null,'','--- {{}}','');
insert into custom_fields_trackers(custom_field_id,tracker_id) select 7, id from trackers;
insert into users(id,login,hashed_password,firstname,lastname,admin,status,language,type,mail_notification,salt,
  must_change_passwd,created_on,updated_on)
  values (50,'tocsin','','Tocsin','Monitor',0,1,'en','User','none','',0,datetime('now'),datetime('now')),
         (51,'lurker','','Lurking','Reader',0,1,'en','User','none','',0,datetime('now'),datetime('now')),
         (52,'nina','','Nina','Noc',1,1,'en','User','none','',0,datetime('now'),datetime('now'));
insert into tokens(user_id,action,value,created_on,updated_on)
  values (52,'api','{admin}',datetime('now'),datetime('now')), (50,'api','{ours}',datetime('now'),datetime('now')),
         (51,'api','{nobody}',datetime('now'),datetime('now'));
insert into roles(id,name,position,assignable,builtin,permissions,issues_visibility,users_visibility,
  time_entries_visibility,all_roles_managed,settings)
  values (40,'Monitor',9,1,0,'---
- :view_issues
- :add_issues
- :edit_issues
- :add_issue_notes
- :view_private_notes
','all','all','all',1,null);
insert into members(id,user_id,project_id,created_on,mail_notification)
  values (60,50,1,datetime('now'),0),(61,50,2,datetime('now'),0);
insert into member_roles(member_id,role_id) values (60,40),(61,40);
insert into workflows(tracker_id,old_status_id,new_status_id,role_id,assignee,author,type)
  select t.id, o.id, n.id, 40, 0, 0, 'WorkflowTransition' from trackers t,
  (select id from issue_statuses union select 0) o, issue_statuses n where o.id <> n.id;
"""


@dataclass(frozen=True)
class Redmine:
    """A running Redmine."""

    url: str
    database: Path
    key: str = OURS
    admin: str = ADMIN
    powerless: str = NOBODY
    field: int = 7


@contextmanager
def redmine(folder: Path) -> Iterator[Redmine]:
    """Run one; skip (or fail under REQUIRE_ALL=1) where it is not installed."""
    require(
        "redmine", "tickets are proven against the real one", how=HOW, found=(HOME / "config.ru").exists()
    )
    require("redmine's database", "its seeded SQLite file", how=HOW, found=os.access(SEED, os.R_OK))
    require("puma", "the server Redmine runs in")
    database = folder / "redmine.sqlite3"
    shutil.copyfile(SEED, database)
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript(_PREPARE.format(admin=ADMIN, ours=OURS, nobody=NOBODY))
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {
        **os.environ,
        "RAILS_ENV": "production",
        "REDMINE_INSTANCE": "default",
        "DATABASE_URL": f"sqlite3:{database}?timeout=20000",
        "RAILS_LOG_TO_STDOUT": "1",
    }
    with (folder / "redmine.log").open("wb") as log:
        server = subprocess.Popen(
            [
                shutil.which("puma") or "puma",
                "-b",
                f"tcp://127.0.0.1:{port}",
                "-t",
                "2:4",
                "-e",
                "production",
                "config.ru",
            ],
            cwd=HOME,
            env=environment,
            stdout=log,
            stderr=log,
        )
        try:
            _wait(url, server, folder / "redmine.log")
            yield Redmine(url=url, database=database)
        finally:
            server.terminate()
            server.wait(timeout=20)


def _wait(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        assert server.poll() is None, f"Redmine ended: {log.read_text()}"
        try:
            urllib.request.urlopen(f"{url}/issues.json?limit=1", timeout=PATIENCE)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"Redmine does not work: {log.read_text()[-4000:]}") from error
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"Redmine is not up: {log.read_text()}")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
