import { afterEach } from "bun:test";

/** To be called once in a test file: how its tests play the server, each of which is stopped when its test is over. */
export function playedServers() {
  const servers: Bun.Server<undefined>[] = [];
  const stopAll = async () => {
    for (const server of servers.splice(0)) await server.stop(true);
  };
  afterEach(stopAll);
  /** Answers every request by `fetch`. Returns its URL. */
  const serve = (fetch: (request: Request) => Response | Promise<Response>): string => {
    const server = Bun.serve({ port: 0, hostname: "127.0.0.1", idleTimeout: 0, fetch });
    servers.push(server);
    return server.url.href;
  };
  return { serve, stopAll };
}
