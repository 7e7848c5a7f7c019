#!/bin/sh
# ./test.sh
cd "$(dirname "$0")" || exit 1
failed=0
expect() {
    said=$(printf '%s' "$1" | ./provider.sh)
    status=$?
    if [ "$status $said" != "$2" ]; then
        printf 'FAILED: %s\n  said: %s\n  expected: %s\n' "$1" "$status $said" "$2"
        failed=1
    fi
}
expect '{"version":1,"user":{"id":"u","roles":["member"],"groups":["admin"]}}' '0 {"permissions": {"__NAME__:read": true, "__NAME__:write": false}}'
expect '{"version":1,"user":{"id":"u","roles":["admin","member"],"groups":[]}}' '0 {"permissions": {"__NAME__:read": true, "__NAME__:write": true}}'
expect '{"version":1,"machine":{"service":"wiki"}}' '77 '
if [ "$failed" = 0 ]; then echo 'all is well'; fi
exit "$failed"
