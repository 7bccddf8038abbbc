#!/usr/bin/env python3
"""systemd.py FOLDER: the Debian packages of FOLDER under a real systemd (process 1 of a container): install, readiness, reload, watchdog of both
programs, drain, the end of patience, a drain by an operator, removal.  Prints figures as one line of JSON."""
import json
import re
import sys
import time

from podman import Container, base_image, debs, need, runtime_packages, wait_until

FIGURES = {}
HEAD = "apiVersion: backfill/v1\nkind: Plan\n"
# The step goes on when the file /tmp/gate-DAY is there: /tmp is the unit's own, so it is made in work_dir.
GATED = HEAD + """name: gated
partitions: {grain: day, from: 2024-01-01, to: 2024-01-01}
steps:
  hold: {run: [sh, -c, "trap '' TERM; id -un > who; echo $$ > holds; while ! [ -e gate ]; do sleep 0.05; done"]}
"""
SHORT = """sed -i -e 's/^lease:.*/lease: {agent: 10s, fence: 2s, coordinator: 13s, heartbeat: 1s}/' -e '/^keys: /d' /etc/bf/coordinator.conf"""


class Host(Container):
    def show(self, unit, key):
        return self.sh(f"systemctl show -P {key} {unit}")

    def active(self, unit):
        return self.show(unit, "ActiveState") == "active"

    def dropin(self, unit, text):
        self.sh(f"mkdir -p /etc/systemd/system/{unit}.service.d")
        self.write(f"/etc/systemd/system/{unit}.service.d/test.conf", f"[Service]\n{text}\n")
        self.sh("systemctl daemon-reload")

    def ctl(self, *arguments, check=True):
        return self.exec("bfctl", *arguments, check=check)

    def state(self, backfill):
        return json.loads(self.ctl("backfill", "get", backfill, "-o", "json").stdout)["state"]

    def hold(self):
        """A backfill whose step runs until the gate opens."""
        self.sh("rm -f /var/lib/bfstep/gate /var/lib/bfstep/holds")
        backfill = json.loads(self.ctl("backfill", "create", "/root/gated.yaml", "-o", "json").stdout)["id"]
        wait_until("the step", lambda: self.sh("cat /var/lib/bfstep/holds 2>/dev/null", check=False))
        return backfill

    def step_lives(self):
        return self.exec("sh", "-c", "kill -0 $(cat /var/lib/bfstep/holds)", check=False).returncode == 0

    def open_gate(self):
        self.sh("touch /var/lib/bfstep/gate")


def between(host, unit, first, second):
    """Seconds between two lines of a unit's journal: the last that has the first text, and the next that has the second."""
    def look():
        at = found = None
        for line in host.sh(f"journalctl --no-pager -o short-unix -u {unit}").splitlines():
            if first in line:
                at, found = float(line.split()[0]), None
            elif at and second in line and found is None:
                found = float(line.split()[0]) - at
        return found
    return round(wait_until(f"{second} in the journal", look), 2)


def timed(name, what, check, begin=None):
    begin = begin or time.monotonic()
    wait_until(what, check)
    FIGURES[name] = round(time.monotonic() - begin, 2)


def test_install(host):
    """Users, folders and units are there; nothing runs and nothing has failed, since there is no key yet."""
    host.sh("dpkg -i /debs/*.deb")
    assert host.sh("systemctl is-enabled bfcoordinator bfagent").split() == ["enabled", "enabled"]
    assert host.sh("systemctl is-failed bfcoordinator bfagent; true").split() == ["inactive", "inactive"]
    assert host.sh("id -un bfcoordinator bfstep 2>/dev/null; getent passwd bfcoordinator bfstep | wc -l").endswith("2")
    assert host.sh("stat -c %a /etc/bf/keys") == "711"


def test_start(host):
    """`systemctl start` comes back when they are ready, and not before."""
    host.sh("bfctl init --dir /root/site --agents 1")
    host.sh("cp /root/site/keys/coordinator.key /etc/bf/keys/; cp /root/site/keys/agent-1.key /etc/bf/keys/agent.key; "
            "systemd-tmpfiles --create bfcoordinator.conf bfagent.conf")
    host.sh(SHORT + "; sed -n '/^keys:/,/viewer/p' /root/site/coordinator.conf >>/etc/bf/coordinator.conf")
    host.sh("grep -E '^(name|coordinator|server_key|logs):' /root/site/agent-1.conf >>/etc/bf/agent.conf")
    host.sh("sed 's#keys/#/root/site/keys/#' /root/site/bfctl.conf >/etc/bf/bfctl.conf")
    host.write("/root/gated.yaml", GATED)
    begin = time.monotonic()
    host.sh("systemctl start bfcoordinator")
    host.ctl("version", "--server")
    FIGURES["coordinator_start_s"] = round(time.monotonic() - begin, 2)
    begin = time.monotonic()
    host.sh("systemctl start bfagent")
    agent = json.loads(host.ctl("agents", "-o", "json").stdout)[0]
    FIGURES["agent_start_s"] = round(time.monotonic() - begin, 2)
    assert agent["state"] == "connected", agent
    assert host.show("bfcoordinator", "StatusText").startswith("serving on tcp://127.0.0.1:7410")
    assert host.show("bfagent", "StatusText") == "working under a lease, 0 attempts"
    FIGURES["fence"] = agent.get("fence")


def test_a_step_runs_as_its_own_user_in_a_group_of_its_own(host):
    backfill = host.hold()
    assert host.sh("cat /var/lib/bfstep/who") == "bfstep"
    groups = host.sh("cat /proc/$(cat /var/lib/bfstep/holds)/cgroup")
    assert "/bf-agent-1-" in groups and "bfagent.service" in groups, groups
    wait_until("the status line", lambda: "1 attempt" in host.show("bfagent", "StatusText"))
    host.open_gate()
    assert host.ctl("wait", backfill).returncode == 0


def test_reload(host):
    host.sh("echo 'pools: {warehouse: {slots: 7}}' >>/etc/bf/coordinator.conf; systemctl reload bfcoordinator")
    wait_until("the pool", lambda: "warehouse" in host.ctl("pools").stdout)
    host.sh("cp /etc/bf/coordinator.conf /root/good.conf; echo 'nonsense: 1' >>/etc/bf/coordinator.conf")
    assert host.exec("systemctl", "reload", "bfcoordinator", check=False).returncode != 0, "a mistake was not told"
    assert host.active("bfcoordinator"), "a mistake in the file must not stop what runs"
    host.sh("cp /root/good.conf /etc/bf/coordinator.conf")


def test_the_watchdog_of_the_coordinator(host):
    host.dropin("bfcoordinator", "WatchdogSec=2")
    host.sh("systemctl restart bfcoordinator")
    backfill = host.hold()
    pid = host.show("bfcoordinator", "MainPID")
    begin = time.monotonic()
    host.sh(f"kill -STOP {pid}")
    timed("coordinator_stopped_to_ready_s", "the restart",
          lambda: host.show("bfcoordinator", "MainPID") not in ("0", pid) and host.active("bfcoordinator"), begin)
    FIGURES["coordinator_watchdog_to_ready_s"] = between(host, "bfcoordinator", "Watchdog timeout", "Started bfcoordinator")
    assert host.show("bfcoordinator", "NRestarts") == "1"
    assert host.step_lives(), "the outage was shorter than the lease"
    host.open_gate()
    assert host.ctl("wait", backfill).returncode == 0
    assert json.loads(host.ctl("steps", backfill, "-o", "json").stdout)[0]["attempts"] == 1, "the step ran twice"


def test_the_watchdog_of_the_agent(host):
    """The agent is stopped, not the guardian: the guardian still passes on no beat, and fences first."""
    host.dropin("bfagent", "WatchdogSec=14")
    host.sh("systemctl restart bfagent")
    backfill = host.hold()
    guardian = host.show("bfagent", "MainPID")
    inner = host.sh(f"cat /proc/{guardian}/task/{guardian}/children").split()[0]
    begin = time.monotonic()
    host.sh(f"kill -STOP {inner}")
    wait_until("the fence", lambda: not host.step_lives())
    host.open_gate()
    timed("agent_stopped_to_ready_s", "the restart",
          lambda: host.show("bfagent", "MainPID") not in ("0", guardian) and host.active("bfagent"), begin)
    FIGURES["agent_watchdog_to_ready_s"] = between(host, "bfagent", "Watchdog timeout", "Started bfagent")
    FIGURES["fenced_before_watchdog_s"] = between(host, "bfagent", "latency_us=", "Watchdog timeout")  # the guardian's line
    told = host.sh("journalctl --no-pager -o cat -u bfagent")
    FIGURES["fence_after_lease_us"] = int(re.findall(r"event=fenced .*latency_us=(\d+)", told)[-1])
    assert 0 < told.find("event=fenced") < told.find("Watchdog timeout"), "the guardian fences before the watchdog ends it"
    assert host.ctl("wait", backfill).returncode == 0


def test_drain_on_stop(host):
    backfill = host.hold()
    host.sh("systemctl stop --no-block bfagent")
    wait_until("the drain", lambda: host.show("bfagent", "StatusText").startswith("draining"))
    assert host.show("bfagent", "ActiveState") == "deactivating" and host.step_lives()
    begin = time.monotonic()
    host.open_gate()
    timed("drained_s", "the end", lambda: host.show("bfagent", "ActiveState") == "inactive", begin)
    assert (host.show("bfagent", "Result"), host.show("bfagent", "ExecMainStatus")) == ("success", "0")
    assert host.state(backfill) == "succeeded"


def test_the_end_of_patience(host):
    host.dropin("bfagent", "TimeoutStopSec=2")
    host.sh("systemctl start bfagent")
    backfill = host.hold()
    begin = time.monotonic()
    host.sh("systemctl stop bfagent")
    FIGURES["killed_after_s"] = round(time.monotonic() - begin, 2)
    assert not host.step_lives(), "a step outlived its unit"
    assert host.show("bfagent", "Result") == "timeout"
    host.ctl("cancel", backfill, "--yes")
    host.sh("systemctl reset-failed bfagent")


def test_an_operator_drains(host):
    """It leaves with status 0, and systemd does not bring it back."""
    host.sh("systemctl start bfagent")
    host.ctl("agent", "drain", "agent-1")
    wait_until("the end", lambda: host.show("bfagent", "ActiveState") == "inactive")
    assert host.show("bfagent", "Result") == "success"


def test_a_killed_guardian_comes_back(host):
    host.sh("systemctl start bfagent")
    pid = host.show("bfagent", "MainPID")
    host.sh(f"kill -KILL {pid}")
    wait_until("the restart", lambda: host.show("bfagent", "MainPID") not in ("0", pid) and host.active("bfagent"))


def test_removal(host):
    host.sh("dpkg --purge backfill-fabric-agent backfill-fabric-coordinator backfill-fabric-ctl")
    assert host.sh("ls /var/lib/bf/store/data.mdb /etc/bf/keys/coordinator.key | wc -l") == "2", "what is the site's must stay"
    assert host.sh("systemctl list-units --all --no-legend 'bf*' | wc -l") == "0"


def main():
    need("podman", "mmdebstrap", "runc")
    packages = debs(sys.argv[1])
    base = base_image("backfill-fabric-systemd", "apt", ["systemd", "systemd-sysv", "procps", *runtime_packages(packages)])
    host = Host("bf-e2e-systemd", base, ["--privileged", "--systemd=always", "--network=none", "-v", f"{sys.argv[1]}:/debs:ro"],
                ["/lib/systemd/systemd"], can_skip=True)
    wait_until("systemd", lambda: host.exec("systemctl", "is-system-running", check=False).stdout.strip() in ("running", "degraded"))
    tests = [value for name, value in globals().items() if name.startswith("test_")]
    for test in tests:
        begin = time.monotonic()
        try:
            test(host)
        except BaseException:
            print(host.sh("journalctl --no-pager -n 60 -u bfcoordinator -u bfagent", check=False))
            raise
        print(f"{test.__name__}: {time.monotonic() - begin:.1f} s", flush=True)
    print(json.dumps(FIGURES))
    print(f"{len(tests)} passed, 0 failed, 0 skipped")


if __name__ == "__main__":
    main()
