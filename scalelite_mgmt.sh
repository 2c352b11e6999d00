#!/bin/sh
# Looks after servers with the flags of the sample's scalelite_mgmt.sh. bbb servers does the work: bbb servers --help.
# delete ended running meetings in the sample; here the server leaves when the last one is over.
set -eu
usage() {
  echo "usage: $0 -c CLUSTER -m debug|delete|prune [-r REGION] [-i SERVER] [-p PROFILE]" >&2
  echo "  debug lists the servers, delete lets one leave, prune has the pool look at everything now. -c is the deployment's ECS cluster, or its stack." >&2
  exit "$1"
}
[ "${1-}" != --help ] || usage 0
region='' cluster='' mode='' server='' profile=''
while getopts r:c:m:i:p: flag; do
  case $flag in
    r) region=$OPTARG ;;
    c) cluster=$OPTARG ;;
    m) mode=$OPTARG ;;
    i) server=$OPTARG ;;
    p) profile=$OPTARG ;;
    *) usage 2 ;;
  esac
done
shift $((OPTIND - 1))
if [ $# -gt 0 ] || [ -z "$cluster" ]; then usage 2; fi
case $mode in
  debug) set -- list ;;
  prune) set -- reconcile ;;
  delete)
    [ -n "$server" ] || usage 2
    set -- remove "$server"
    ;;
  *) usage 2 ;;
esac

cd "$(dirname "$0")"
# The cluster of the stack NAME is called NAME-Cluster-... .
set -- "$@" --stack-name "${cluster%%-Cluster-*}"
[ -z "$region" ] || set -- "$@" --region "$region"
[ -z "$profile" ] || set -- "$@" --profile "$profile"
exec cargo run --quiet --locked --package bbb -- servers "$@"
