#!/bin/sh
# What the exact programs count: a known number of opens, children, writes, starts.
# Only words of a plain shell, and the last command is never one that a shell may
# become instead of starting it.
# usage: work.sh opens|forks|writes|execs|numbers
case $1 in
opens)
    i=0
    while [ $i -lt 100 ]; do
        : >/tmp/edgekit-exact-file
        i=$((i + 1))
    done
    i=0
    while [ $i -lt 50 ]; do
        : </tmp/edgekit-exact-file
        i=$((i + 1))
    done
    ;;
forks)
    i=0
    while [ $i -lt 20 ]; do
        (exit 0)
        i=$((i + 1))
    done
    ;;
writes)
    exec >/tmp/edgekit-exact-file
    for i in 1 2 3 4 5 6 7 8 9 10; do echo abc; done
    for i in 1 2 3 4 5; do echo 12345678901234567890; done
    echo 123456789012345678901234567890123456789012345678901234567890
    ;;
execs)
    for i in 1 2 3 4 5 6 7; do /tmp/exact-tool >/dev/null 2>&1; done
    ;;
esac
:
