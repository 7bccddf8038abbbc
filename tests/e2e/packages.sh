#!/bin/sh
# packages.sh FOLDER: lintian has nothing to say about the Debian packages in FOLDER, beyond what their overrides give a reason for.
set -eu
folder=$1
command -v lintian >/dev/null || { echo "skipped: lintian is not installed"; exit 77; }
set -- "$folder"/*.deb
[ -e "$1" ] || { echo "skipped: no packages in $folder; make packages"; exit 77; }

said=$(lintian --allow-root --fail-on none --display-info --tag-display-limit 0 "$@" 2>&1) || true
failed=0
if printf '%s\n' "$said" | grep -E '^[EW]:'; then
    failed=1
fi
printf '%s\n' "$said" | grep -E '^[IN]:' || true
for package in "$@"; do
    for word in control md5sums; do
        dpkg-deb --ctrl-tarfile "$package" | tar -t | grep -qx "./$word" || { echo "$package: no $word"; failed=1; }
    done
done
for component in coordinator agent; do
    dpkg-deb -I "$folder"/backfill-fabric-${component}_*.deb conffiles | grep -qx "/etc/bf/$component.conf" ||
        { echo "$component: its configuration would be overwritten by an upgrade"; failed=1; }
done
echo "$# packages"
exit "$failed"
