#!/bin/sh
# Says what somebody may do: the question is JSON on standard input, the answer is JSON on standard output.
# Exit status 0: there is an answer. 77: no opinion. Anything else is a failure. `jq` reads JSON better, if you have it.
question=$(cat)
case $question in
*'"user":{'*) ;;
*) exit 77 ;; # a service acts for itself
esac
may_write=false
roles=${question#*\"roles\":[}
case ",${roles%%]*}," in
*,\"admin\",*) may_write=true ;;
esac
printf '{"permissions": {"__NAME__:read": true, "__NAME__:write": %s}}\n' "$may_write"
