#!/bin/sh
# units.sh BIN: the units of deploy/systemd are without a fault, and no looser than they were.
# Exposure by `systemd-analyze security`, in tenths: 0 is closed, 100 is open.  A unit that passes its figure needs a reason.
set -eu
bin=$1
units=$(cd "$(dirname "$0")/../../deploy/systemd" && pwd)
command -v systemd-analyze >/dev/null || { echo "skipped: systemd-analyze is not installed"; exit 77; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

failed=0
for row in bfcoordinator:20 bfagent:58; do
    unit=${row%:*} most=${row#*:}
    # The programs are where they were built, not where the packages put them.
    sed "s#/usr/bin/bf#$bin/bf#" "$units/$unit.service" >"$dir/$unit.service"
    if ! systemd-analyze verify --man=no "$dir/$unit.service" >"$dir/said" 2>&1 || [ -s "$dir/said" ]; then
        sed "s/^/$unit: /" "$dir/said"
        failed=$((failed + 1))
    fi
    systemd-analyze security --no-pager --offline=true --threshold="$most" "$dir/$unit.service" >"$dir/said" 2>&1 || {
        echo "$unit: more exposed than $most tenths"
        failed=$((failed + 1))
    }
    tail -1 "$dir/said"
done
echo "$((4 - failed)) passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
