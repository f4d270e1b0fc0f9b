import { randomKey } from "../sdk/random-key.ts";
import { KeptConnection } from "./kept-connection.ts";

export interface Load {
  port: number;
  connections: number;
  count: number;
  path: string;
  token: string;
  /** The JSON body of each request. */
  body: string;
}

/**
 * Sends the same POST request `count` times, one at a time on each of many connections, every one with an idempotency key of
 * its own, as the SDK makes it. Returns how many were answered per second. Throws if an answer is not 200.
 */
export async function answersPerSecond(load: Load): Promise<number> {
  const authorization = { authorization: `Bearer ${load.token}` };
  const connections = Array.from(
    { length: load.connections },
    () => new KeptConnection("127.0.0.1", load.port, authorization),
  );
  await Promise.all(connections.map((connection) => connection.open()));
  let left = load.count;
  const startedMs = performance.now();
  const sendUntilDone = async (connection: KeptConnection) => {
    while (left-- > 0) {
      await connection.post(load.path, load.body, { "idempotency-key": randomKey() });
    }
  };
  await Promise.all(connections.map(sendUntilDone));
  const seconds = (performance.now() - startedMs) / 1_000;
  for (const connection of connections) connection.close();
  return load.count / seconds;
}
