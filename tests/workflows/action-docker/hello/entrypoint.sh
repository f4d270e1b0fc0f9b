echo "hello from the container, $1"
echo "workspace: $(/bin/busybox ls /github/workspace | /bin/busybox grep file)"
test "$INPUT_WHO" = Mona
echo "time=now" >> "$GITHUB_OUTPUT"
