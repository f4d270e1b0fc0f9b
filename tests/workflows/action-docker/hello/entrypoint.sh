echo "hello from the container, $1"
echo "workspace: $(ls /github/workspace | grep file)"
test "$INPUT_WHO" = Mona
echo "time=now" >> "$GITHUB_OUTPUT"
