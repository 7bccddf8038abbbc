"""Podman for the whole installations: settings that work without a registry (containers.conf), and images made by mmdebstrap."""
import atexit
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cluster import wait_until  # noqa: E402,F401

os.environ["CONTAINERS_CONF"] = os.path.join(os.path.dirname(os.path.abspath(__file__)), "containers.conf")
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


def run(*command, check=True, timeout=600, stdin=None):
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False, input=stdin)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: exit {done.returncode}: {done.stderr.strip()[-2000:]}")
    return done


def podman(*arguments, **options):
    return run("podman", *arguments, **options)


def need(*programs):
    if os.geteuid() != 0:
        skip("only root can make these containers")
    for program in programs:
        if not shutil.which(program):
            skip(f"{program} is not installed")


def debs(folder):
    found = sorted(os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".deb")) if os.path.isdir(folder) else []
    if len(found) != 3:
        skip(f"no packages in {folder}; make packages")
    return found


def runtime_packages(packages):
    """What the packages need, but for systemd."""
    names = set()
    for package in packages:
        for word in run("dpkg-deb", "-f", package, "Depends").stdout.split(","):
            name = re.match(r"\s*([a-z0-9.+-]+)", word).group(1)
            if not name.startswith("systemd"):
                names.add(name)
    return sorted(names)


def base_image(name, variant, include):
    """An image of Debian with these packages; made once."""
    tag = f"localhost/{name}:{hashlib.sha256(' '.join([variant, *include]).encode()).hexdigest()[:12]}"
    if podman("image", "exists", tag, check=False).returncode == 0:
        return tag
    with tempfile.TemporaryDirectory() as folder:
        tar = os.path.join(folder, "base.tar")
        made = run("mmdebstrap", f"--variant={variant}", f"--include={','.join(include)}", "bookworm", tar, check=False, timeout=900)
        if made.returncode != 0:
            skip(f"mmdebstrap cannot make a base here: {made.stderr.strip()[-300:]}")
        imported = podman("import", "-c", f"ENV {PATH}", tar, tag, check=False)
        if imported.returncode != 0:
            skip(f"podman cannot import a base here: {imported.stderr.strip()[-300:]}")
    return tag


class Container:
    """One that is removed at the end, whatever happens."""

    def __init__(self, name, image, options, command=(), can_skip=False):
        self.name = name
        podman("rm", "-f", "-t", "0", "-v", name, check=False)
        atexit.register(self.remove)
        made = podman("run", "-d", "--name", name, *options, image, *command, check=False)
        if made.returncode != 0 and can_skip:
            skip(f"podman cannot run a container here: {made.stderr.strip()[-300:]}")
        assert made.returncode == 0, made.stderr

    def remove(self):
        podman("rm", "-f", "-t", "0", "-v", self.name, check=False)

    def exec(self, *command, check=True, stdin=None, timeout=120):
        return podman("exec", *(["-i"] if stdin is not None else []), self.name, *command, check=check, stdin=stdin, timeout=timeout)

    def sh(self, script, check=True):
        return self.exec("sh", "-c", script, check=check).stdout.strip()

    def write(self, path, text):
        self.exec("sh", "-c", f"cat >'{path}'", stdin=text)

    def inspect(self, form):
        return podman("inspect", "--format", form, self.name).stdout.strip()
