import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { accountName, tokenSet } from "../auth.ts";
import { type ErrorCode, errorCodes } from "../errors.ts";
import { socketPlace } from "./socket-path.ts";

/** What a server writes down for the commands of its own account: where it is reached, and by which socket asked. */
export const localServer = z.object({
  /** As a client on this machine reaches it; the first is the usual one. */
  urls: z.array(z.url()).min(1),
  pid: z.int(),
  /** The path of the socket for the same-machine sign-in. */
  socket: z.string().min(1),
});
export type LocalServer = z.infer<typeof localServer>;

/** What is asked over that socket to sign in, one line of JSON; see `maintenanceRequest` for what else is. */
export const localRequest = z.strictObject({
  /** The server's URL as the person gave it. */
  url: z.url(),
  /** The business to sign in to; made if it does not exist. */
  business: accountName,
  user: accountName,
});
export type LocalRequest = z.infer<typeof localRequest>;

const errorCode = z.enum(Object.keys(errorCodes) as [ErrorCode, ...ErrorCode[]]);

const refusal = z.object({ ok: z.literal(false), code: errorCode, why: z.string() });

/** What is answered to a maintenance request. */
export const maintenanceAnswer = z.discriminatedUnion("ok", [
  z.object({ ok: z.literal(true), result: z.unknown() }),
  refusal,
]);
export type MaintenanceAnswer = z.infer<typeof maintenanceAnswer>;

/** What is answered to a sign-in, one line too. */
export const localAnswer = z.discriminatedUnion("ok", [
  z.object({
    ok: z.literal(true),
    /** The URL that this server says is its own: what the given one means. */
    url: z.url(),
    /** The server's public key: see server.identity. */
    serverKey: z.string(),
    tokens: tokenSet,
  }),
  refusal,
]);
export type LocalAnswer = z.infer<typeof localAnswer>;

const LIST = "servers";
const MAX_RECORDS = 1_000;

/** Where a server of this data directory has its socket and what says so: a directory of this account alone. */
export function signInDirectory(dataDir: string): string {
  return join(dataDir, "sign-in");
}

/** Where the servers of this account are listed, whatever their data directory. */
export function accountLists(home: string | undefined): string[] {
  return [...(home === undefined ? [] : [join(home, LIST)]), join(socketPlace(), LIST)];
}

/** A server in a list, and the file that says so. */
export interface ListedServer {
  file: string;
  server: LocalServer;
}

/** What a list holds, the newest server first; nothing where it is not `owner`'s alone. What cannot be read is left out. */
export function listedServers(list: string, owner: number | undefined): ListedServer[] {
  try {
    const entry = lstatSync(list);
    if (!entry.isDirectory()) return [];
    if (owner !== undefined && (entry.uid !== owner || (entry.mode & 0o022) !== 0)) return [];
    const names = readdirSync(list).filter((name) => name.endsWith(".json"));
    // Names begin with the time.
    const newest = names.sort().reverse().slice(0, MAX_RECORDS);
    return newest.flatMap((name) => readRecord(join(list, name)));
  } catch {
    return []; // There is none, or it is not ours to read.
  }
}

function readRecord(file: string): ListedServer[] {
  try {
    const parsed = localServer.safeParse(JSON.parse(readFileSync(file, "utf8")));
    return parsed.success ? [{ file, server: parsed.data }] : [];
  } catch {
    return []; // It went away in the meantime, or is none of ours.
  }
}
