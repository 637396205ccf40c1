#!/bin/bash
# Whether the program in this container lives: the administration's listener answers /healthz. It starts no second program and needs none of the image.
# Where that listener has TLS or another port: MOELORA_HEALTH_PORT names a listener without it.
set -euo pipefail
exec 3<> "/dev/tcp/127.0.0.1/${MOELORA_HEALTH_PORT:-8081}"
printf 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
read -r -t 4 status <&3
[[ $status == 'HTTP/1.1 200'* ]]
