import { lstatSync } from "node:fs";
import { resolve } from "node:path";
import type { Socket } from "bun";
import type { z } from "zod";
import { type LocalServer, signInDirectory } from "../../shared/sockets/local-server.ts";
import { peerUid } from "../../shared/sockets/peer.ts";
import { Wire } from "../../shared/sockets/wire.ts";
import { withLimit } from "../../shared/wait.ts";
import { CliError } from "../exit/failure.ts";

type AskingWire = Wire<object, unknown>;

const ANSWER_LIMIT_MS = 15_000;

/** Where to look for servers, and which account must own them. */
export interface Place {
  lists: readonly string[];
  owner: number | undefined;
}

/** Where the server of a data directory is. Root may ask any account's server. */
export function placeOf(dataDir: string): Place {
  const list = signInDirectory(resolve(dataDir));
  const uid = process.getuid?.();
  const owner = uid === 0 ? (lstatSync(list, { throwIfNoEntry: false })?.uid ?? uid) : uid;
  return { lists: [list], owner };
}

/**
 * The server's answer; undefined if nobody listens any more, or another account does. Throws CliError `unreachable` if it
 * does not answer in time.
 */
export async function ask<Answer>(
  server: Pick<LocalServer, "socket" | "pid">,
  request: object,
  owner: number | undefined,
  schema: z.ZodType<Answer>,
  limitMs = ANSWER_LIMIT_MS,
): Promise<Answer | undefined> {
  const answered = Promise.withResolvers<Answer | undefined>();
  let socket: Socket<AskingWire>;
  try {
    socket = await Bun.connect<AskingWire>({
      unix: server.socket,
      socket: {
        open: (opened) => {
          const isTheirs = process.platform === "win32" || (owner !== undefined && peerUid(opened) === owner);
          if (!isTheirs) return answered.resolve(undefined);
          opened.data = new Wire<object, unknown>(opened, (answer) =>
            answered.resolve(schema.safeParse(answer).data),
          );
          opened.data.send(request);
        },
        data: (opened, bytes) => {
          try {
            opened.data?.onData(bytes);
          } catch {
            answered.resolve(undefined); // What listens there is not our server.
          }
        },
        drain: (opened) => opened.data?.onDrain(),
        close: () => answered.resolve(undefined),
      },
    });
  } catch {
    return undefined; // Nobody listens there: that server is gone.
  }
  try {
    return await withLimit(limitMs, answered.promise, () => silent(server.pid, limitMs));
  } finally {
    socket.terminate();
  }
}

function silent(pid: number, limitMs: number): CliError {
  const what = `the server of this account (process ${pid}) does not answer within ${limitMs / 1_000} s`;
  return new CliError("unreachable", what, {
    todo: `Try again; if it was stopped, kill -CONT ${pid} continues it`,
  });
}
