import { lstatSync } from "node:fs";
import { resolve } from "node:path";
import type { Socket } from "bun";
import type { z } from "zod";
import { signInDirectory } from "../../shared/sockets/local-server.ts";
import { peerUid } from "../../shared/sockets/peer.ts";
import { Wire } from "../../shared/sockets/wire.ts";
import { inTime } from "../../shared/wait.ts";

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

/** The server's answer; undefined if nobody listens any more, or another account does. */
export async function ask<Answer>(
  path: string,
  request: object,
  owner: number | undefined,
  schema: z.ZodType<Answer>,
  limitMs = ANSWER_LIMIT_MS,
): Promise<Answer | undefined> {
  const answered = Promise.withResolvers<Answer | undefined>();
  let socket: Socket<AskingWire> | undefined;
  try {
    socket = await Bun.connect<AskingWire>({
      unix: path,
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
    return await inTime(limitMs, answered.promise);
  } catch {
    return undefined; // Nobody listens there: that server is gone.
  } finally {
    socket?.terminate();
  }
}
