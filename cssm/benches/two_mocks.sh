#!/usr/bin/env bash
# A fleet over two mocks and one PostgreSQL. Each switch asks the two in turn, so that what one has said the other has to
# know; each report has to be acknowledged exactly once, by the fleet's ledger and by the database.
#
# Needs Debian's packages postgresql and jq. DEVICES says how many switches (10000), CONNECTIONS how many exchanges at one
# time (64), SLPSIM which program (it is built otherwise).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

devices=${DEVICES:-10000}
connections=${CONNECTIONS:-64}
if [ -z "${SLPSIM:-}" ]; then
    cargo build --release --bin slpsim
    SLPSIM=${CARGO_TARGET_DIR:-target}/release/slpsim
fi
programs=$(find /usr/lib/postgresql -maxdepth 2 -name bin | sort -V | tail -n 1)
[ -n "$programs" ] || { echo "PostgreSQL is missing: apt-get install postgresql" >&2; exit 1; }

folder=$(mktemp -d)
mocks=()
# PostgreSQL does not run as root.
as_database() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }
end() {
    for pid in "${mocks[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait "${mocks[@]}" 2>/dev/null || true
    as_database "$programs/pg_ctl" -D "$folder/data" -m fast stop >/dev/null || true
    rm -rf "$folder"
}
trap end EXIT

[ "$(id -u)" != 0 ] || chown postgres "$folder"
as_database "$programs/initdb" --username=mock --auth=trust --encoding=UTF8 --locale=C -D "$folder/data" >/dev/null
as_database "$programs/pg_ctl" -D "$folder/data" -w -l "$folder/postgres.log" -o "-k $folder -c listen_addresses=" start >/dev/null
query() { psql -X -A -t -F ' ' -h "$folder" -U mock -d postgres -c "$1"; }

for name in one two; do
    "$SLPSIM" -q cssm --state "$folder/$name" --store "postgres:///postgres?host=$folder&user=mock" \
        --ready-file "$folder/$name.ready" &
    mocks+=($!)
    until [ -s "$folder/$name.ready" ]; do
        kill -0 "${mocks[-1]}" || { echo "mock $name does not start" >&2; exit 1; }
        sleep 0.1
    done
done
ready() { jq -r "$2" "$folder/$1.ready"; }

SLPSIM_IDTOKEN=$(ready one .idtoken) "$SLPSIM" --output json fleet --devices "$devices" --connections "$connections" \
    --against "$(ready one .urls.smart)" --against "$(ready two .urls.smart)" --ca "$(ready one .ca_file)" \
    >"$folder/ledger.json" || echo "the ledger is not clean" >&2
jq '{devices, unfinished, wall_s, exchanges, exchanges_per_s, latency_ms, refused, failed, reports}' "$folder/ledger.json"
for at in 0 1; do
    echo "mock $((at + 1)): $(awk '/VmHWM/ { print $2 / 1024 " MB" }' "/proc/${mocks[at]}/status")," \
        "$(awk -v tick="$(getconf CLK_TCK)" '{ print ($14 + $15) / tick " s of processor time" }' "/proc/${mocks[at]}/stat")"
done

read -r reports times answered broken < <(query "SELECT count(*), sum(times::int), count(*) FILTER (WHERE answered = 'true'),
    count(broken) FROM slpsim_reports")
read -r known trusted < <(query "SELECT count(*), count(trust_id) FROM slpsim_devices")
echo "database: $reports reports, delivered $times times, $answered acknowledged, $broken refused; $known devices, $trusted with trust"
sent=$(jq .reports.sent "$folder/ledger.json")
clean=$(jq '.unfinished == 0 and .reports.sent == .reports.acknowledged and .reports.rejected == 0' "$folder/ledger.json")
if [ "$clean" = true ] && [ "$sent" = "$reports" ] && [ "$sent" = "$times" ] && [ "$sent" = "$answered" ] && [ "$broken" = 0 ]; then
    echo "each of $sent reports was acknowledged exactly once"
else
    echo "the ledger and the database do not say that each report was acknowledged exactly once" >&2
    exit 1
fi
