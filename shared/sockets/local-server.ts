import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { accountName, tokenSet } from "../auth.ts";
import { type ErrorCode, errorCodes } from "../errors.ts";
import { serverPin } from "../server-pin.ts";
import { socketPlace } from "./socket-path.ts";

/** The record a server leaves for the commands of its own account: its URLs and its socket. */
export const localServer = z.object({
  /** URLs for clients on this machine; the first is the usual one. */
  urls: z.array(z.url()).min(1),
  pid: z.int(),
  /** The path of the socket for the same-machine sign-in. */
  socket: z.string().min(1),
  /** Its certificate, if it speaks TLS. */
  pin: serverPin().optional(),
});
export type LocalServer = z.infer<typeof localServer>;

/** A sign-in over that socket: one line of JSON. `maintenanceRequest` is the other kind of request. */
export const localRequest = z.strictObject({
  /** The server's URL as the person gave it. */
  url: z.url(),
  /** The business to sign in to; created if it does not exist. */
  business: accountName,
  user: accountName,
});
export type LocalRequest = z.infer<typeof localRequest>;

const errorCode = z.enum(Object.keys(errorCodes) as [ErrorCode, ...ErrorCode[]]);

const refusal = z.object({ ok: z.literal(false), code: errorCode, why: z.string() });

/** The answer to a maintenance request. */
export const maintenanceAnswer = z.discriminatedUnion("ok", [
  z.object({ ok: z.literal(true), result: z.unknown() }),
  refusal,
]);
export type MaintenanceAnswer = z.infer<typeof maintenanceAnswer>;

/** The answer to a sign-in: one line of JSON. */
export const localAnswer = z.discriminatedUnion("ok", [
  z.object({
    ok: z.literal(true),
    /** The server's own URL that the requested URL leads to. */
    url: z.url(),
    /** The server's public key: see server.identity. */
    serverKey: z.string(),
    /** Its certificate, if it speaks TLS. */
    pin: serverPin().optional(),
    tokens: tokenSet(),
  }),
  refusal,
]);
export type LocalAnswer = z.infer<typeof localAnswer>;

const LIST = "servers";
const MAX_RECORDS = 1_000;

/** The directory of the socket and the record of a server with this data directory; for this account alone. */
export function signInDirectory(dataDir: string): string {
  return join(dataDir, "sign-in");
}

/** The directories that list the servers of this account, independent of their data directories. */
export function accountLists(home: string | undefined): string[] {
  return [...(home === undefined ? [] : [join(home, LIST)]), join(socketPlace(), LIST)];
}

/** A listed server and its record file. */
export interface ListedServer {
  file: string;
  server: LocalServer;
}

/** The servers of a list, newest first; empty unless the list belongs to `owner` alone. Unreadable records are skipped. */
export function listedServers(list: string, owner: number | undefined): ListedServer[] {
  try {
    const entry = lstatSync(list);
    if (!entry.isDirectory()) return [];
    if (owner !== undefined && (entry.uid !== owner || (entry.mode & 0o022) !== 0)) return [];
    const names = readdirSync(list).filter((name) => name.endsWith(".json"));
    // Names start with the time.
    const newest = names.sort().reverse().slice(0, MAX_RECORDS);
    return newest.flatMap((name) => readRecord(join(list, name)));
  } catch {
    return []; // It does not exist, or we may not read it.
  }
}

function readRecord(file: string): ListedServer[] {
  try {
    const parsed = localServer.safeParse(JSON.parse(readFileSync(file, "utf8")));
    return parsed.success ? [{ file, server: parsed.data }] : [];
  } catch {
    return []; // It was removed meanwhile, or is not a record of ours.
  }
}
