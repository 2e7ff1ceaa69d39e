#!/bin/sh
# Runs the five programs with exact answers and compares: the same on every kernel and
# architecture. Needs root, the static file, and any shell (busybox's will do).
# usage: compare.sh EDGEKIT     ends with 1 when an answer differs
edgekit=${1:-edgekit}
here=$(cd "$(dirname "$0")" && pwd)
bad=0
tool=$(command -v "$edgekit")
case $tool in
/*) ;;
*) tool=$PWD/$tool ;;
esac
ln -sf "$tool" /tmp/exact-tool
for name in numbers opens forks writes execs; do
    "$edgekit" trace -q -c "sh $here/work.sh $name" "$here/$name.bt" >/tmp/edgekit-exact-raw 2>&1
    code=$?
    # Blank lines separate sections and mean nothing.
    grep -v '^$' /tmp/edgekit-exact-raw >/tmp/edgekit-exact-got
    [ $code = 0 ] || echo "exit $code" >>/tmp/edgekit-exact-got
    grep -v '^$' "$here/$name.expected" >/tmp/edgekit-exact-want
    if cmp -s /tmp/edgekit-exact-got /tmp/edgekit-exact-want; then
        echo "ok   $name"
    else
        echo "FAIL $name: expected"
        cat /tmp/edgekit-exact-want
        echo "but got"
        cat /tmp/edgekit-exact-got
        bad=1
    fi
done
rm -f /tmp/edgekit-exact-file /tmp/edgekit-exact-raw /tmp/edgekit-exact-got /tmp/edgekit-exact-want /tmp/exact-tool
exit $bad
