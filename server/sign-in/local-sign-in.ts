import { rmdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Socket } from "bun";
import { writeFileAtomic } from "../../shared/atomic-file.ts";
import type { TokenSet } from "../../shared/auth.ts";
import { ComputeError } from "../../shared/errors.ts";
import { newId } from "../../shared/ids.ts";
import type { Logger } from "../../shared/logger.ts";
import { listenOn } from "../../shared/sockets/listen.ts";
import {
  type LocalAnswer,
  type LocalServer,
  listedServers,
  localRequest,
  type MaintenanceAnswer,
  signInDirectory,
} from "../../shared/sockets/local-server.ts";
import { type MaintenanceRequest, maintenanceRequest } from "../../shared/sockets/maintenance.ts";
import { isOwnPeer, peerUid } from "../../shared/sockets/peer.ts";
import {
  isSocketPlace,
  makePrivateDirectory,
  makeSocketPlace,
  socketPath,
} from "../../shared/sockets/socket-path.ts";
import { Wire } from "../../shared/sockets/wire.ts";
import type { SessionStore } from "../auth/session-store.ts";
import type { Tokens } from "../auth/tokens.ts";
import { audit } from "../http/audit.ts";
import type { OwnUrls } from "../http/own-urls.ts";

/** Who asks on a socket is answered or gone before this. */
const ANSWER_LIMIT_SECONDS = 15;
/** More who ask at once are not people. */
const MAX_ASKING = 32;
/** A request is a line of a few names. */
const MAX_REQUEST_BYTES = 4_096;
const NOBODY_ASKED = "The request is none of tanvrit-compute auth login.";

export interface LocalSignInParts {
  sessions: SessionStore;
  tokens: Tokens;
  urls: OwnUrls;
  /** The server's public key, which the client keeps. */
  serverKey: string;
  /** Does what the account that runs the server asks beside a sign-in. */
  maintain(request: MaintenanceRequest): Promise<object>;
  log: Logger;
  now: () => number;
}

type Answer = LocalAnswer | MaintenanceAnswer;
type Asked = Wire<Answer, unknown>;

/**
 * The same-machine sign-in: whoever may use a socket of the server's own account is that account, and so owns the
 * server. The kernel says of both ends who they are, so nothing can be passed on to or by another account.
 */
export class LocalSignIn {
  private readonly asking = new Set<Socket<Asked>>();

  constructor(private readonly parts: LocalSignInParts) {}

  /**
   * Listens in the data directory and says so there and in the lists of this account. Resolves with how to end it,
   * which leaves nothing behind.
   */
  async listen(dataDir: string, lists: readonly string[]): Promise<() => void> {
    const directory = signInDirectory(dataDir);
    makePrivateDirectory(directory);
    const id = newId("srv");
    const socket =
      process.platform === "win32"
        ? `\\\\.\\pipe\\tanvrit-compute-${id}`
        : socketPath(directory, `${id}.sock`);
    const record: LocalServer = { urls: this.parts.urls.all, pid: process.pid, socket };
    using begun = new DisposableStack();
    const places: string[] = [];
    begun.defer(() => removeRecords(id, places));
    begun.adopt(listenOn<Asked>(socket, this.handler()), (stop) => stop());
    for (const place of [directory, ...lists]) {
      if (await this.writeRecord(place, id, record)) places.push(place);
    }
    const open = begun.move();
    return () => open.dispose();
  }

  private handler() {
    return {
      open: (socket: Socket<Asked>) => {
        if (!isOwnPeer(socket)) {
          audit(this.parts.log, "sign-in refused", { from: "socket" }, { uid: peerUid(socket) });
          return void socket.terminate();
        }
        if (this.asking.size >= MAX_ASKING) return void socket.terminate();
        this.asking.add(socket);
        socket.timeout(ANSWER_LIMIT_SECONDS);
        let answered = false;
        socket.data = new Wire<Answer, unknown>(
          socket,
          (request) => {
            // What it takes is the server's to say from here on.
            socket.timeout(0);
            if (!answered) void this.reply(socket, request);
            answered = true;
          },
          MAX_REQUEST_BYTES,
        );
      },
      data: (socket: Socket<Asked>, bytes: Uint8Array) => {
        try {
          socket.data?.onData(bytes);
        } catch {
          socket.terminate(); // It does not speak as our commands do, so nobody waits for an answer.
        }
      },
      drain: (socket: Socket<Asked>) => socket.data?.onDrain(),
      timeout: (socket: Socket<Asked>) => void socket.terminate(),
      close: (socket: Socket<Asked>) => {
        this.asking.delete(socket);
        socket.data?.onClosed();
      },
    };
  }

  private async reply(socket: Socket<Asked>, request: unknown): Promise<void> {
    socket.data.send(await this.answer(request));
    socket.timeout(ANSWER_LIMIT_SECONDS);
    await socket.data.end();
  }

  private async answer(request: unknown): Promise<Answer> {
    try {
      const maintenance = maintenanceRequest.safeParse(request);
      if (maintenance.success) return { ok: true, result: await this.parts.maintain(maintenance.data) };
      const parsed = localRequest.safeParse(request);
      if (!parsed.success) throw new ComputeError("invalid_request", NOBODY_ASKED);
      const { url: given, business, user } = parsed.data;
      const url = this.parts.urls.meantBy(given);
      if (url === undefined) {
        const own = this.parts.urls.all.join(" and ");
        throw new ComputeError("not_found", `The server is at ${own}, not at ${given}.`);
      }
      const tokens = await this.signIn(business, user);
      return { ok: true, url, serverKey: this.parts.serverKey, tokens };
    } catch (error) {
      const known =
        error instanceof ComputeError ? error : new ComputeError("internal", "The server failed.");
      if (known !== error) this.parts.log.error("a request over the local socket failed", { error });
      return { ok: false, code: known.code, why: known.message };
    }
  }

  private async signIn(businessName: string, userName: string): Promise<TokenSet> {
    const { sessions, tokens, log, now } = this.parts;
    const sessionId = newId("ses");
    // Who is the server's own account owns the server, and so every business on it.
    const session = await sessions.create({ sessionId, userName, businessName, role: "owner", nowMs: now() });
    const { sessionId: id, userName: user, businessName: business } = session;
    audit(log, "signed in", { user, business, sessionId: id, from: "socket" });
    return tokens.issue(session);
  }

  /** false: it cannot be written there, so commands must find the server otherwise. */
  private async writeRecord(place: string, id: string, record: LocalServer): Promise<boolean> {
    try {
      // What stands in a directory that somebody else made is theirs to replace.
      if (isSocketPlace(dirname(place))) makeSocketPlace();
      makePrivateDirectory(place);
      await removeStale(place);
      writeFileAtomic(join(place, `${id}.json`), `${JSON.stringify(record)}\n`);
      return true;
    } catch (error) {
      const why = "the server is not in this list; auth login finds it by --data-dir";
      this.parts.log.warn(why, { list: place, error: (error as Error).message });
      return false;
    }
  }
}

/** What servers left that were killed: nobody listens on their sockets any more. */
async function removeStale(place: string): Promise<void> {
  for (const { file, server } of listedServers(place, process.getuid?.())) {
    if (await isListening(server.socket)) continue;
    rmSync(file, { force: true });
    rmSync(server.socket, { force: true });
  }
}

async function isListening(path: string): Promise<boolean> {
  try {
    const socket = await Bun.connect({ unix: path, socket: { data: () => undefined } });
    socket.terminate();
    return true;
  } catch {
    return false;
  }
}

function removeRecords(id: string, places: readonly string[]): void {
  for (const place of places) {
    rmSync(join(place, `${id}.json`), { force: true });
    try {
      rmdirSync(place);
      if (isSocketPlace(dirname(place))) rmdirSync(dirname(place));
    } catch {
      // Another server is in it.
    }
  }
}
