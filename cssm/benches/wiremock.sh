#!/usr/bin/env bash
# Our mock beside WireMock: the usage report of one switch over plain HTTP, again and again over connections that stay
# open, by ab. WireMock answers each with the same prepared text; ours reads it, keeps it in SQLite and signs its answer.
#
# WireMock comes as npm's package of that name, which has its jar in it; ab, where it is missing, from Debian's package,
# which is only unpacked. Needs java, npm and jq. REQUESTS says how many (100000), CONNECTIONS at one time (64), SLPSIM
# which program (it is built otherwise).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

requests=${REQUESTS:-100000}
connections=${CONNECTIONS:-64}
version=3.13.2
if [ -z "${SLPSIM:-}" ]; then
    cargo build --release --bin slpsim
    SLPSIM=${CARGO_TARGET_DIR:-target}/release/slpsim
fi
SLPSIM=$(realpath "$SLPSIM")

folder=$(mktemp -d)
servers=()
end() {
    for pid in "${servers[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait "${servers[@]}" 2>/dev/null || true
    rm -rf "$folder"
}
trap end EXIT
cd "$folder"

ab=$(command -v ab || true)
if [ -z "$ab" ]; then
    apt-get download -q apache2-utils libapr1 libaprutil1 >/dev/null 2>&1
    for package in *.deb; do dpkg -x "$package" root; done
    LD_LIBRARY_PATH=$(find "$folder/root/usr/lib" -type d | paste -sd:)
    export LD_LIBRARY_PATH
    ab=$folder/root/usr/bin/ab
fi
npm pack --silent "wiremock@$version" >/dev/null
tar xzf "wiremock-$version.tgz"

"$SLPSIM" -q cssm --state state --ready-file ready &
servers+=($!)
until [ -s ready ]; do kill -0 "${servers[0]}"; sleep 0.1; done
url=$(jq -r .urls.cslu ready)
"$SLPSIM" --output json fleet --devices 1 --population steady --against "$url" --ca "$(jq -r .ca_file ready)" >/dev/null
answered=$(curl -sf -H "Authorization: Bearer $(jq -r .manage_token ready)" "$(jq -r .urls.manage ready)/requests" |
    jq 'map(select(.answer == "OK_POLL"))[0]')
jq -j .request <<<"$answered" >report.json
jq -e . report.json >/dev/null || { echo "the report is longer than what the mock keeps of a request" >&2; exit 1; }

mkdir mappings
jq '{request: {method: "POST", url: "/cslu/v1/pi"},
     response: {status: 200, headers: {"Content-Type": "application/json"}, body: .response}}' <<<"$answered" >mappings/usage.json
java -jar package/build/wiremock-standalone-$version.jar --port 0 --bind-address 127.0.0.1 --no-request-journal >wiremock.log 2>&1 &
servers+=($!)
until grep -q '^port: ' wiremock.log; do kill -0 "${servers[1]}"; sleep 0.1; done
port=$(awk '/^port: / { print $2 }' wiremock.log)

ticks() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }
# ab's answer with what the server itself needed of the processor and of memory.
measure() {
    local name=$1 pid=$2 url=$3 before after
    # Java compiles what it has seen often.
    "$ab" -q -k -n $((requests / 5)) -c "$connections" -p report.json -T application/json "$url" >/dev/null
    before=$(ticks "$pid")
    "$ab" -q -k -n "$requests" -c "$connections" -p report.json -T application/json "$url" >ab.out
    after=$(ticks "$pid")
    ! grep -q 'Non-2xx' ab.out || { echo "$name refuses" >&2; cat ab.out >&2; exit 1; }
    awk -v name="$name" -v ticks=$((after - before)) -v tick="$(getconf CLK_TCK)" -v requests="$requests" \
        -v memory="$(awk '/VmHWM/ { print $2 / 1024 }' "/proc/$pid/status")" '
        /^Requests per second/ { rate = $4 }
        /^ +99%/ { p99 = $2 }
        END { printf "%-9s %6.0f /s, %6.0f /s and core of the server, p99 %d ms, %4.0f MB\n", name, rate, requests * tick / ticks, p99, memory }' ab.out
}
measure slpsim "${servers[0]}" "$url"
measure WireMock "${servers[1]}" "http://127.0.0.1:$port/cslu/v1/pi"
