#!/bin/sh
# Shows the example company at work: a private copy, free ports, one question, the live status.
# On a terminal it stays until Ctrl-C; without one it ends and leaves nothing behind.
set -eu
cd "$(dirname "$0")/.."
repo=$PWD
scripts/need.sh build
scripts/build.sh build
hq=$repo/build/hq

company=$(mktemp -d "${TMPDIR:-/tmp}/hq-company.XXXXXX")
finish() {
    trap - EXIT INT TERM
    "$hq" down -C "$company" >/dev/null 2>&1 || true
    rm -rf "$company"
}
trap finish EXIT
trap 'echo; echo "Stopping the company."; exit 0' INT TERM
cp -R examples/atomizer/. "$company"

# A port is free when nobody listens on it (state 0A in the kernel's tables).
listening=$(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk '$4 == "0A" { split($2, a, ":"); print a[2] }')
port_is_free() {
    ! echo "$listening" | grep -qi "^$(printf '%04X' "$1")\$"
}
# The agents keep the shape 4 apart with N+3 reserved; the hub's is 100 below the first.
block_is_free() {
    port_is_free $(($1 - 100)) || return 1
    for i in 0 4 8 12 16 20 24 28; do
        port_is_free $(($1 + i)) && port_is_free $(($1 + i + 3)) || return 1
    done
}
base=18800
until block_is_free "$base"; do
    base=$((base + 200))
    [ "$base" -lt 30000 ] || { echo "No free block of ports between 18800 and 30000." >&2; exit 1; }
done
awk -v shift=$((base - 18800)) '
    /^    port: [0-9]+$/ { sub(/[0-9]+/, $2 + shift) }
    /^hub:/ { match($0, /:[0-9]+"/); p = substr($0, RSTART + 1, RLENGTH - 2); sub(/:[0-9]+"/, ":" p + shift "\"") }
    { print }' examples/atomizer/hq.yaml >"$company/hq.yaml"

echo
echo "Company:  $company (a private copy of examples/atomizer)"
echo "Ports:    agents $base to $((base + 28)), hub $((base - 100)), all on 127.0.0.1"
"$hq" up -d --wait -C "$company"

cat >"$company/workspaces/manager/brief.md" <<'BRIEF'
# Bracket study, brief of the client

Mass now 1.84 kg, wanted under 1.50 kg. Aluminium 7075-T6. First mode above 120 Hz.
Decision of the kick-off: wall 2.4 mm is the lower limit, reported on Friday at 14:00.
BRIEF
echo
echo '$ hq ask manager "What did the kick-off decide? It is in brief.md"'
"$hq" ask manager "What did the kick-off decide? It is in brief.md" --wait -C "$company"
echo
echo '$ hq ask manager "Which alloy should the bracket have, 6061 or 7075?"'
"$hq" ask manager "Which alloy should the bracket have, 6061 or 7075?" --wait -C "$company"
echo
echo '$ hq task tree   # of that question: who was asked, by whom, and what came back'
study=$("$hq" task list -C "$company" | awk '$3 == "manager" { print $1; exit }')
"$hq" task tree "$study" -C "$company"
echo
echo '$ hq status'
"$hq" status -C "$company"

cat <<END

Try, in another terminal:
  alias hq='$hq -C $company'
  hq ask webster "What is the yield strength of 7075-T6?"
  hq ask auditor 'run \`wc -l *.md\`'
  hq task list
  hq route "research on fatigue data"
  hq usage --by agent
  hq logs manager
  cat $company/workspaces/shared/project_log.md
  curl -s -H "Authorization: Bearer \$(cat $company/secrets/manager.hooks.token)" \\
       -d '{"message":"Where do we stand?"}' http://127.0.0.1:$base/hooks/agent
  kill -9 any process of it, and look at hq status again

A real model instead of the offline script: add one of these blocks (examples/models.yaml, more in
docs/models.md) under models: in $company/hq.yaml, change an agent's model:, then: hq reload

END
sed -n '/^# Anthropic/,$p' examples/models.yaml

# The status again whenever it says something new; ages and sizes alone are nothing new.
follow() {
    shown=''
    while sleep 1; do
        now=$("$hq" status -C "$company" 2>&1) || true
        sense=$(echo "$now" | sed '1d; s/ [0-9.]*[smh]$//')
        [ "$sense" = "$shown" ] || { echo; date '+%H:%M:%S'; echo "$now"; }
        shown=$sense
    done
}
if [ -t 0 ] && [ -t 1 ]; then
    echo
    echo "The company runs until Ctrl-C; its status, whenever it changes:"
    follow
fi
