#!/bin/sh
# lighttpd's program: it reads the whole body, and says what it has seen of the request.
length=$(wc -c)
case $REQUEST_URI in
/204/*) status=204 ;;
/304/*) status=304 ;;
*) status=200 ;;
esac
printf 'Status: %s\r\nX-Seen: %s %s\r\nX-Body: %s\r\n\r\n' "$status" "$REQUEST_METHOD" "$REQUEST_URI" "$((length))"
[ "$status" != 200 ] || echo ok
