#!/bin/sh
# Deploys with the flags of the sample's setup.sh. bbb deploy does the work: bbb deploy --help.
set -eu
usage() {
  echo "usage: $0 -e OPERATOR-EMAIL -h HOSTED-ZONE-ID -d DOMAIN -s STACK-NAME [-p PROFILE] [-l DEBUG|INFO|WARN|ERROR]" >&2
  echo "  -h is the hosted zone. -l is what the functions log. Parameters are read from bbb-on-aws-param.json, if it is there." >&2
  exit "$1"
}
[ "${1-}" != --help ] || usage 0
email='' zone='' domain='' stack='' profile='' level=''
while getopts e:h:d:s:p:l: flag; do
  case $flag in
    e) email=$OPTARG ;;
    h) zone=$OPTARG ;;
    d) domain=$OPTARG ;;
    s) stack=$OPTARG ;;
    p) profile=$OPTARG ;;
    l) level=$OPTARG ;;
    *) usage 2 ;;
  esac
done
shift $((OPTIND - 1))
if [ $# -gt 0 ] || [ -z "$email" ] || [ -z "$zone" ] || [ -z "$domain" ] || [ -z "$stack" ]; then usage 2; fi

cd "$(dirname "$0")"
set -- --stack-name "$stack"
[ ! -f bbb-on-aws-param.json ] || set -- "$@" --parameters bbb-on-aws-param.json
set -- "$@" --parameter "BBBOperatorEMail=$email" --parameter "BBBHostedZone=$zone" --parameter "BBBDomainName=$domain"
[ -z "$level" ] || set -- "$@" --parameter "BBBFunctionLogLevel=$level"
[ -z "$profile" ] || set -- "$@" --profile "$profile"
exec cargo run --quiet --locked --package bbb -- deploy "$@"
