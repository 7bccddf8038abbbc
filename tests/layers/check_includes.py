#!/usr/bin/env python3
"""check_includes.py ROOT: the rules of the layers, read off the #include lines.
check_includes.py --self-test: breaks each rule once, in a tree of its own, and wants it seen.

Three kinds of rules: what a folder may include of ours (arrows point down only), which folders may see a library, and
what a pure folder may include at all.  Exit status 0, or 1 with one line for each broken rule.
"""

import pathlib
import re
import sys
import tempfile

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)
SKIPPED = {"build", "tests", "bench", "docs", "examples", "deploy", "cmake", "dashboard", ".git"}

# The first that fits names the layer of a file.
LAYERS = [
    (r"common/", "common"), (r"proto/", "proto"), (r"plan/", "plan"),
    (r"coordinator/store/seal\.[ch]$", "seal"),
    (r"coordinator/(engine|store|zap|fleet|api|logs|http|notify|replay|sim)/", None),
    (r"coordinator/(turn|turn_state|recover|create|intake|release|dispatch|probes)\.[ch]$", "turn"),
    (r"coordinator/(views[a-z_]*|authority|config|config_breakers|config_show|details|keyring|remedies)\.[ch]$", "views"),
    (r"coordinator/", "shell"),
    (r"agent/core(_[a-z]+)?\.[ch]$", "agentcore"), (r"agent/probe_value\.[ch]$", "probevalue"),
    (r"agent/sql/(fence_rule|scrub)\.[ch]$", "sqlrules"), (r"agent/sql/", "sql"),
    (r"agent/http/", "httpstep"), (r"agent/", "agent"), (r"bfctl/", "bfctl"),
]

# What each layer may include of ours, itself apart.
BELOW = {
    "common": set(),
    "proto": {"common"},
    "plan": {"proto", "common"},
    "engine": {"plan", "proto", "common"},
    "seal": {"common"},
    "store": {"seal", "proto", "common"},
    "zap": {"proto", "common"},
    "fleet": {"zap", "proto", "common"},
    "api": {"zap", "plan", "proto", "common"},
    "logs": {"zap", "proto", "common"},
    "http": {"plan", "proto", "common"},
    "notify": {"plan", "proto", "common"},
    "turn": {"engine", "plan", "proto", "common"},
    "replay": {"turn", "engine", "plan", "proto", "common"},
    "views": {"turn", "engine", "store", "zap", "api", "logs", "plan", "proto", "common"},
    "sim": {"replay", "turn", "engine", "agentcore", "seal", "sqlrules", "plan", "proto", "common"},
    "shell": {"views", "turn", "engine", "store", "zap", "fleet", "api", "logs", "http", "notify", "plan", "proto", "common"},
    "agentcore": {"proto", "common"},
    "probevalue": {"common"},
    "agent": {"agentcore", "probevalue", "proto", "common"},
    "sqlrules": {"common"},
    "sql": {"sqlrules", "probevalue", "common"},
    "httpstep": {"probevalue", "common"},
    "bfctl": {"views", "replay", "turn", "store", "engine", "plan", "proto", "common"},
}

# Header pattern -> files that may include it.
LIBRARIES = [
    (r".*\.pb-c\.h", r"proto/[^/]*_codec\.c$"),
    (r"protobuf-c/.*", r"proto/"),
    (r"lmdb\.h", r"coordinator/store/"),
    (r"czmq.*\.h|zmq.*\.h", r"coordinator/(zap|fleet|api)/|agent/session[^/]*$|bfctl/client[^/]*$"),
    (r"sql\.h|sqlext\.h|sqltypes\.h|odbc.*\.h", r"agent/sql/"),
    (r"curl/.*\.h", r"agent/http/|coordinator/notify/"),
    (r"microhttpd\.h", r"coordinator/http/"),
    (r"pcre2\.h", r"coordinator/logs/log_pattern\.c$"),
    (r"libfyaml\.h", r"common/yaml\.c$"),
    (r"curses\.h|ncurses.*\.h|term\.h", r"bfctl/watch_screen\.c$"),
    (r"common/log\.h", r"common/log\.c$|coordinator/([^/]*|(fleet|api|logs|http|notify)/[^/]*)$|agent/(?!core\.)[^/]*$|bfctl/"),
]

PURE_LAYERS = {"plan", "engine", "turn", "replay", "agentcore", "seal", "sqlrules"}
# stdio.h is for snprintf; check_symbols sees to that.
PURE_SYSTEM = {"assert.h", "errno.h", "inttypes.h", "limits.h", "math.h", "stdarg.h", "stdbool.h", "stddef.h", "stdint.h",
               "stdio.h", "stdlib.h", "string.h", "strings.h"}
# Pure libraries: a JSON reader and a hash.  check_symbols holds sodium to the hash.
PURE_LIBRARIES = {"plan": {"jansson.h", "sodium.h", "sodium/crypto_generichash.h"},
                  "engine": {"sodium.h", "sodium/crypto_generichash.h"}}
IMPURE_COMMON = {"common/clock.h", "common/files.h", "common/log.h", "common/supervisor.h", "common/work_queue.h",
                 "common/zonefiles.h"}


def layer_of(path):
    for pattern, layer in LAYERS:
        found = re.match(pattern, path)
        if found:
            return layer or found.group(1)
    return None


def check_include(path, quote, header):
    """Why this file may not include this header; None when it may."""
    layer = layer_of(path)
    target = layer_of(header) if quote == '"' else None
    for pattern, allowed in LIBRARIES:
        if re.fullmatch(pattern, header.split("proto/")[-1] if header.endswith(".pb-c.h") else header):
            if not re.match(allowed, path):
                return f"{header} is not for this folder"
            return None
    if target and target != layer and target not in BELOW[layer]:
        return f"{layer} may not include {target}"
    if layer in PURE_LAYERS:
        known = target or header in PURE_SYSTEM or header in PURE_LIBRARIES.get(layer, ())
        if header in IMPURE_COMMON or not known:
            return f"{header} is not for pure code"
    if quote == '"' and not target:
        return f"{header} is not a path from the top of the tree"
    return None


def sources(root):
    for path in sorted(root.rglob("*.[ch]")):
        relative = path.relative_to(root)
        if relative.parts[0] not in SKIPPED:
            yield str(relative), path.read_text(encoding="utf-8", errors="replace")


def check_tree(root):
    broken, n = [], 0
    for path, text in sources(root):
        n += 1
        if layer_of(path) is None:
            broken.append(f"{path}: belongs to no layer")
            continue
        for quote, header in INCLUDE.findall(text):
            why = check_include(path, quote, header)
            if why:
                line = text[: text.find(header)].count("\n") + 1
                broken.append(f"{path}:{line}: {why}")
    return broken, n


SELF_TEST = [
    # file, include, allowed
    ("plan/a.c", "<unistd.h>", False), ("plan/a.c", "<time.h>", False), ("plan/a.c", "<sys/stat.h>", False),
    ("plan/a.c", "<pthread.h>", False), ("plan/a.c", '"common/clock.h"', False), ("plan/a.c", '"common/supervisor.h"', False),
    ("plan/a.c", '"common/yaml.h"', True),
    ("plan/a.c", "<jansson.h>", True), ("plan/a.c", '"proto/x.h"', True), ("proto/a.c", '"plan/x.h"', False),
    ("plan/a.c", '"coordinator/engine/x.h"', False),
    ("coordinator/engine/a.c", "<fcntl.h>", False), ("coordinator/engine/a.c", "<stdio.h>", True),
    ("coordinator/engine/a.c", "<jansson.h>", False), ("coordinator/engine/a.c", "<zmq.h>", False),
    ("coordinator/engine/a.c", "<lmdb.h>", False), ("coordinator/engine/a.c", '"proto/record.pb-c.h"', False),
    ("coordinator/engine/a.c", '"plan/plan.h"', True), ("coordinator/engine/a.c", '"coordinator/turn.h"', False),
    ("coordinator/store/a.c", "<lmdb.h>", True), ("coordinator/a.c", "<lmdb.h>", False), ("bfctl/a.c", "<lmdb.h>", False),
    ("coordinator/store/a.c", '"coordinator/fleet/x.h"', False), ("coordinator/fleet/a.c", '"coordinator/api/x.h"', False),
    ("coordinator/api/a.c", '"coordinator/store/x.h"', False), ("coordinator/a.c", '"coordinator/store/x.h"', True),
    ("coordinator/fleet/a.c", "<czmq.h>", True), ("coordinator/a.c", "<czmq.h>", False), ("agent/session.c", "<czmq.h>", True),
    ("agent/runner.c", "<zmq.h>", False), ("bfctl/client.c", "<czmq.h>", True), ("bfctl/cmd_x.c", "<czmq.h>", False),
    ("proto/agent_codec.c", '"proto/agent.pb-c.h"', True), ("proto/agent_codec.c", '"agent.pb-c.h"', True),
    ("proto/agent_msg.c", '"proto/agent.pb-c.h"', False), ("coordinator/a.c", '"agent.pb-c.h"', False),
    ("agent/sql/a.c", "<sql.h>", True), ("agent/a.c", "<sqlext.h>", False), ("agent/sql/a.c", '"agent/core.h"', False),
    ("agent/http/a.c", "<curl/curl.h>", True), ("agent/a.c", "<curl/curl.h>", False), ("agent/http/a.c", '"agent/sql/scrub.h"', False),
    ("agent/http/a.c", '"agent/probe_value.h"', True), ("agent/probe_value.c", '"agent/prober.h"', False),
    ("coordinator/http/a.c", "<curl/curl.h>", False), ("agent/http/a.c", '"common/buf.h"', True),
    ("agent/core.c", "<signal.h>", False), ("agent/core.c", '"agent/runner.h"', False), ("agent/core.c", "<string.h>", True),
    ("common/a.c", '"plan/plan.h"', False), ("common/a.c", "<libfyaml.h>", False), ("common/yaml.c", "<libfyaml.h>", True),
    ("coordinator/store/a.c", '"common/log.h"', False), ("coordinator/a.c", '"common/log.h"', True),
    ("coordinator/sim/a.c", '"agent/core.h"', True), ("coordinator/sim/a.c", '"agent/runner.h"', False),
    ("coordinator/turn.c", "<time.h>", False), ("coordinator/turn.c", '"common/clock.h"', False),
    ("coordinator/turn.c", '"coordinator/store/x.h"', False), ("coordinator/turn.c", '"coordinator/engine/x.h"', True),
    ("coordinator/sim/a.c", '"coordinator/turn.h"', True), ("coordinator/sim/a.c", '"coordinator/loop.h"', False),
    ("coordinator/replay/a.c", '"coordinator/turn.h"', True), ("coordinator/replay/a.c", '"coordinator/store/x.h"', False),
    ("coordinator/replay/a.c", "<time.h>", False), ("coordinator/views_x.c", '"coordinator/store/x.h"', True),
    ("coordinator/views_x.c", '"coordinator/fleet/x.h"', False), ("bfctl/a.c", '"coordinator/views.h"', True),
    ("bfctl/a.c", '"coordinator/loop.h"', False),
    ("coordinator/zap/a.c", "<zmq.h>", True), ("coordinator/zap/a.c", '"common/log.h"', False),
    ("agent/a.c", '"a.h"', False), ("stray/a.c", "<stdio.h>", False),
]


def self_test():
    failed = 0
    for path, include, allowed in SELF_TEST:
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / path
            file.parent.mkdir(parents=True)
            file.write_text(f"#include {include}\n", encoding="utf-8")
            broken, _ = check_tree(pathlib.Path(folder))
            if bool(broken) == allowed:
                failed += 1
                print(f"{path} with {include} should be {'allowed' if allowed else 'refused'}")
    print(f"{len(SELF_TEST)} rows, {failed} wrong")
    return 1 if failed else 0


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    broken, n = check_tree(pathlib.Path(sys.argv[1]))
    print("\n".join(broken))
    print(f"{n} files, {len(broken)} broken rules")
    return 1 if broken or n == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
