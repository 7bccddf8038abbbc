"""For tests that are about one backfill on a cluster of their own, whose steps tell and are told by files in its folder."""
import os
import shutil
import tempfile

from cluster import Cluster


def begin(test, plan, **options):
    """Give a test its folder, a cluster, the path of the plan, in which DIR is the folder, and a backfill of it.  options: of Cluster."""
    test.folder = tempfile.mkdtemp(prefix=f"{type(test).__name__.lower()}-")
    test.addCleanup(shutil.rmtree, test.folder)
    test.path = os.path.join(test.folder, "plan.yaml")
    with open(test.path, "w", encoding="utf-8") as f:
        f.write(plan.replace("DIR", test.folder))
    test.cluster = Cluster(os.path.join(test.folder, "c"), **options)
    test.addCleanup(test.cluster.stop)
    test.backfill = test.cluster.create(test.path)


def touch(folder, name):
    """Tell a step that waits for the file."""
    with open(os.path.join(folder, name), "w", encoding="utf-8"):
        pass


def lines(folder, name):
    """What steps have told so far."""
    try:
        with open(os.path.join(folder, name), encoding="utf-8") as f:
            return f.read().splitlines()
    except FileNotFoundError:
        return []
