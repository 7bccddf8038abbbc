#!/usr/bin/env python3
"""check_forbidden.py ROOT: names of libraries that are traps (reproduced on the packages we build with) are not used anywhere.
check_forbidden.py --self-test: uses each of them once, in a tree of its own, and wants it seen."""

import pathlib
import re
import sys
import tempfile

# name -> why
FORBIDDEN = {
    "ZMQ_HEARTBEAT_IVL": "with a full receive queue ZMTP heartbeats abort the process: heartbeats are ours",
    "ZMQ_ROUTER_HANDOVER": "a peer could take over the identity of another",
    "zmsg_decode": "asserts on bad lengths from outside",
    "zloop_new": "ends on EINTR and lets handlers starve timers",
    "zauth_new": "reads its folder at each handshake",
    "FYPCF_RESOLVE_DOCUMENT": "396 bytes of aliases reach 4 GB",
    "MDB_NOSYNC": "a commit would not be durable",
    "MDB_NOMETASYNC": "a commit would not be durable",
    "MDB_WRITEMAP": "a stray pointer would write the store",
    "MDB_DUPSORT": "not needed, and another layout of values",
}


def findings(root):
    for path in sorted(root.rglob("*.[ch]")):
        if path.relative_to(root).parts[0] in ("build", "tests"):
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            code = re.sub(r"/\*.*?(\*/|$)|^\s*\*.*$|//.*$", "", line)
            for name, why in FORBIDDEN.items():
                if re.search(rf"\b{name}\b(?!, 0\b)", code):      # switched off in so many words is fine
                    yield f"{path.relative_to(root)}:{number}: {name}: {why}"


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        (root / "store").mkdir()
        text = "".join(f"int x{i} = {name}; /* used */\n" for i, name in enumerate(FORBIDDEN))
        (root / "store" / "bad.c").write_text(text + "/* MDB_NOSYNC in a comment is fine */\n", encoding="utf-8")
        return len(list(findings(root))) == len(FORBIDDEN)


def main():
    if sys.argv[1:] == ["--self-test"]:
        sys.exit(0 if self_test() else 1)
    found = list(findings(pathlib.Path(sys.argv[1])))
    print("\n".join(found))
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
