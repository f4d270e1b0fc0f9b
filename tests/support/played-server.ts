import { afterEach } from "bun:test";

/** Call this once per test file. Its tests can then play servers, which are stopped when the test ends. */
export function playedServers() {
  const servers: Bun.Server<undefined>[] = [];
  const stopAll = async () => {
    for (const server of servers.splice(0)) await server.stop(true);
  };
  afterEach(stopAll);
  /** Answers every request with `fetch`. Returns the server's URL. */
  const serve = (fetch: (request: Request) => Response | Promise<Response>): string => {
    const server = Bun.serve({ port: 0, hostname: "127.0.0.1", idleTimeout: 0, fetch });
    servers.push(server);
    return server.url.href;
  };
  return { serve, stopAll };
}
