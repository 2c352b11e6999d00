#!/bin/sh
# Deletes with the flags of the sample's destroy.sh. bbb destroy does the work, and says what is kept: bbb destroy --help.
set -eu
usage() {
  echo "usage: $0 -s STACK-NAME [-p PROFILE]" >&2
  exit "$1"
}
[ "${1-}" != --help ] || usage 0
stack='' profile=''
while getopts s:p:l: flag; do
  case $flag in
    s) stack=$OPTARG ;;
    p) profile=$OPTARG ;;
    l) echo "$0: -l means nothing any more: everything is in bbb's log" >&2 ;;
    *) usage 2 ;;
  esac
done
shift $((OPTIND - 1))
if [ $# -gt 0 ] || [ -z "$stack" ]; then usage 2; fi

cd "$(dirname "$0")"
set -- --stack-name "$stack"
[ -z "$profile" ] || set -- "$@" --profile "$profile"
exec cargo run --quiet --locked --package bbb -- destroy "$@"
