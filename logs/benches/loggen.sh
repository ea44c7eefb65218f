#!/usr/bin/env bash
# The bench `sinks` with loggen beside it, the generator of syslog-ng. Its package cannot be installed beside rsyslog, so it
# is only unpacked. Needs Debian or Ubuntu.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
(cd "$folder" && apt-get download -q syslog-ng-core libivykis0 && for package in *.deb; do dpkg -x "$package" root; done)
cat >"$folder/loggen" <<SCRIPT
#!/bin/sh
libraries=\$(find "$folder/root/usr/lib" -type d | paste -sd:)
SYSLOGNG_PREFIX="$folder/root/usr" LD_LIBRARY_PATH="\$libraries" exec "$folder/root/usr/bin/loggen" "\$@"
SCRIPT
chmod +x "$folder/loggen"
LOGGEN="$folder/loggen" cargo bench -p slpsim-logs --bench sinks
