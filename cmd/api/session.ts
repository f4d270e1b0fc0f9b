/** A whole session by hand, for the head of the page. A test runs this block unchanged. */
export const SESSION = `    url=\${TANVRIT_URL:-http://127.0.0.1:7070}
    token=$(tanvrit-compute auth print-token)
    call() {
      path=$1 body=$2; shift 2
      curl -sS --fail-with-body "$url/api/compute/$path" -H "Authorization: Bearer $token" \\
        -H 'Content-Type: application/json' -d "$body" "$@"
    }

    # Submit. Sending the same key again gives the same job, so a lost answer does no harm.
    job=$(call jobs/submit '{"command": ["sh", "-c", "echo hello; sleep 1; exit 3"]}' \\
      -H 'Idempotency-Key: first-try' | grep -o 'job_[0-9a-z]*' | head -n 1)

    # Follow its log to the end: a stream of server-sent events.
    curl -sSN "$url/api/compute/jobs/$job/logs/stream" -H "Authorization: Bearer $token"

    # Wait for its end: answers when the job is over, or after 30 seconds. Ask again until status says it is over.
    call jobs/retrieve "{\\"jobId\\": \\"$job\\", \\"waitSeconds\\": 30}"

    # List what failed, a page at a time: send the nextCursor of an answer as the cursor of the next request.
    call jobs/list '{"status": ["FAILED"], "limit": 20}'

    # Attach a file to the job. The link needs no token, so any program may use it: curl -T FILE "$link".
    link=$(call jobs/artifacts/presign-upload "{\\"jobId\\": \\"$job\\", \\"name\\": \\"report.txt\\", \\"size\\": 9}" \\
      | grep -o 'http[^"]*')
    file=$(printf 'all good\\n' | curl -sS --fail-with-body -T - "$link" | grep -o 'art_[0-9a-z]*' | head -n 1)

    # And read it again.
    link=$(call jobs/artifacts/presign-download "{\\"jobId\\": \\"$job\\", \\"artifactId\\": \\"$file\\"}" \\
      | grep -o 'http[^"]*')
    curl -sS --fail-with-body "$link"

    # Cancel. A finished job cannot be cancelled: this answers 409 with a problem.
    call jobs/cancel "{\\"jobId\\": \\"$job\\"}"
`;

export const HEAD = `# The HTTP API

Everything that the command line, the agent and the SDK do goes through this API. A POST takes and returns JSON
(\`Content-Type: application/json\`). \`tanvrit-compute api --openapi\` prints all of it as an OpenAPI 3.1 document.
\`GET /healthz\` says that the server runs, \`GET /readyz\` that its store takes writes; neither needs a token.

## A session by hand

${SESSION}
**Tokens.** \`tanvrit-compute auth print-token\` prints a token for \`Authorization: Bearer\`; it is valid for 10 to 15 minutes. A
request with an expired token answers 401 with \`token_expired\`: print a new one. To wait longer than a token lives, get a ticket
from \`jobs/wait-tickets\` and send it like a token. Programs can send an API key (\`api-key create\`) as \`X-API-Key\` instead.
Endpoints for nodes take a node's key as \`X-API-Key\`.

**Logs.** The stream has the events \`status\`, \`log\`, \`gap\` (lines that a slow reader missed) and \`end\`. The \`id\` of a \`log\` event
is its place in the log. To continue after it, send it as the header \`Last-Event-ID\` or as \`?lastEventId=\`. With \`?follow=false\`
the stream ends after the lines that exist so far.

**Files.** \`jobs/artifacts/presign-upload\` and \`jobs/artifacts/presign-download\` answer with a URL that is its own credential:
anyone who has it can send that one file with PUT, or read it with GET, until \`expiresAt\`. Put it in quotes in a shell. It works
only unchanged, with its own method, path and size: anything else answers 403, and after its time it answers 410. An upload
that breaks off, or that has another size or \`sha256\` than the link, leaves nothing. A download answers to \`Range\`, so
\`curl -C - -OJ "$link"\` goes on where a broken one stopped. Directories with many files travel in packs: ask
\`artifacts/missing\` what the server lacks, send that with \`artifacts/blobs\`, then call \`artifacts/create\`.

**Sockets.** A node may make its calls over one WebSocket: \`nodes/socket\` with the subprotocol \`tanvrit.calls.v1\`. A call is a text
frame with a line of JSON, such as \`{"call":1,"endpoint":"nodes.heartbeat"}\`, and the body after it; the numbers of calls rise, and
\`idempotencyKey\` takes the place of the header. The answer is \`{"answer":1,"status":200}\` and the body that HTTP would have, with
\`retryAfterSeconds\` for \`Retry-After\`. \`{"cancel":1}\` and a line break take a call back. Each call is authenticated by the headers of
the upgrade. At most 64 may be under way.

**Lists** end with \`nextCursor\` if there is more. A page may have fewer rows than \`limit\`.

**Idempotency.** Endpoints that say so take an \`Idempotency-Key\` of your choice. The same key with the same request gives the first
answer again; the same key with a different request gives \`idempotency_key_reused\`.

**Errors** are \`application/problem+json\`: \`code\` is stable and for programs, \`detail\` is for people, \`errors\` names wrong fields.
The list below says after which errors a request may be sent again; \`Retry-After\` says when.

    {
      "type": "https://tanvrit.com/problems/invalid-request",
      "title": "The request is not valid",
      "status": 400,
      "code": "invalid_request",
      "detail": "command: is missing",
      "errors": [{"path": "command", "message": "is missing"}],
      "requestId": "01a226e7-b82a-74c6-93bd-1fd5fc3adb62"
    }
`;
