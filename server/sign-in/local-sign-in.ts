import { rmdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Socket } from "bun";
import { writeFileAtomic } from "../../shared/atomic-file.ts";
import type { RecordAudit } from "../../shared/audit.ts";
import type { TokenSet } from "../../shared/auth.ts";
import { ComputeError } from "../../shared/errors.ts";
import { newId } from "../../shared/ids.ts";
import { intoDirectory } from "../../shared/into-directory.ts";
import type { Logger } from "../../shared/logger.ts";
import { makePrivateDirectory } from "../../shared/private-directory.ts";
import { processLives } from "../../shared/process-lives.ts";
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
import { isSocketPlace, makeSocketPlace, socketPath } from "../../shared/sockets/socket-path.ts";
import { Wire } from "../../shared/sockets/wire.ts";
import type { SessionStore } from "../auth/session-store.ts";
import type { Tokens } from "../auth/tokens.ts";
import type { OwnUrls } from "../http/own-urls.ts";

/** How long a client on the socket may take to send its request, and to read the answer. */
const ANSWER_LIMIT_SECONDS = 15;
/** The most clients at the same time; people never need more. */
const MAX_ASKING = 32;
/** A request is one line with a few names. */
const MAX_REQUEST_BYTES = 4_096;
/** Another server that ends may remove the empty list just before an entry is put into it. */
const ATTEMPTS = 20;
const UNKNOWN_REQUEST = "This request does not come from tanvrit-compute auth login.";

export interface LocalSignInParts {
  sessions: SessionStore;
  tokens: Tokens;
  urls: OwnUrls;
  /** The server's public key, which the client keeps. */
  serverKey: string;
  /** Answers the other requests that the server's own account can make here. */
  maintain(request: MaintenanceRequest): Promise<object>;
  /** Writes into the audit log. */
  record: RecordAudit;
  log: Logger;
  now: () => number;
}

type Answer = LocalAnswer | MaintenanceAnswer;
type Asked = Wire<Answer, unknown>;

/**
 * The sign-in on the server's own machine. Only the server's own account can use its socket, and that account owns the
 * server. The kernel tells both ends who the other is, so no other account can act as either end.
 */
export class LocalSignIn {
  private readonly asking = new Set<Socket<Asked>>();
  private written: { id: string; socket: string; places: readonly string[] } | undefined;

  constructor(private readonly parts: LocalSignInParts) {}

  /**
   * Listens in the data directory, and records that there and in the lists of this account. Resolves with a function
   * that ends it and removes the socket and the records.
   */
  async listen(dataDir: string, lists: readonly string[]): Promise<() => void> {
    const directory = signInDirectory(dataDir);
    makePrivateDirectory(directory);
    const id = newId("srv");
    const socket =
      process.platform === "win32"
        ? `\\\\.\\pipe\\tanvrit-compute-${id}`
        : socketPath(directory, `${id}.sock`);
    using begun = new DisposableStack();
    const places: string[] = [];
    begun.defer(() => removeRecords(id, places));
    begun.adopt(listenOn<Asked>(socket, this.handler()), (stop) => stop());
    for (const place of [directory, ...lists]) {
      if (await this.makeRecord(place, id, socket)) places.push(place);
    }
    this.written = { id, socket, places };
    const open = begun.move();
    return () => open.dispose();
  }

  /** Writes the records again, as what they say has changed. */
  writeAgain(): void {
    const { id, socket, places } = this.written ?? { id: "", socket: "", places: [] };
    for (const place of places) {
      try {
        this.writeRecord(place, id, socket);
      } catch (error) {
        this.parts.log.warn("the server could not change its entry in this list", {
          list: place,
          error: (error as Error).message,
        });
      }
    }
  }

  private handler() {
    return {
      open: (socket: Socket<Asked>) => {
        if (!isOwnPeer(socket)) {
          void this.parts.record(undefined, {
            event: "sign-in refused",
            actor: { kind: "anyone" },
            from: "socket",
            of: { uid: peerUid(socket) },
          });
          return void socket.terminate();
        }
        if (this.asking.size >= MAX_ASKING) return void socket.terminate();
        this.asking.add(socket);
        socket.timeout(ANSWER_LIMIT_SECONDS);
        let answered = false;
        socket.data = new Wire<Answer, unknown>(
          socket,
          (request) => {
            // From here on, the client waits for the server.
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
          socket.terminate(); // It does not speak the protocol of our commands.
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
      if (!parsed.success) throw new ComputeError("invalid_request", UNKNOWN_REQUEST);
      const { url: given, business, user } = parsed.data;
      const url = this.parts.urls.meantBy(given);
      if (url === undefined) {
        const own = this.parts.urls.all.join(" and ");
        throw new ComputeError("not_found", `The server is at ${own}, not at ${given}.`);
      }
      const tokens = await this.signIn(business, user);
      return { ok: true, url, serverKey: this.parts.serverKey, pin: this.parts.urls.pin, tokens };
    } catch (error) {
      const known =
        error instanceof ComputeError
          ? error
          : new ComputeError("internal", "Something went wrong in the server. Its log has the details.");
      if (known !== error) this.parts.log.error("a request over the local socket failed", { error });
      return { ok: false, code: known.code, why: known.message };
    }
  }

  private async signIn(businessName: string, userName: string): Promise<TokenSet> {
    const { sessions, tokens, record, now } = this.parts;
    const sessionId = newId("ses");
    // The server's own account owns the server, and so every business on it.
    const session = await sessions.create({ sessionId, userName, businessName, role: "owner", nowMs: now() });
    const { userId, businessId } = session;
    await record(businessId, {
      event: "signed in",
      actor: { kind: "user", userId, userName, sessionId },
      from: "socket",
    });
    return tokens.issue(session);
  }

  /** Returns false if the record cannot be written there; commands then need another way to find the server. */
  private async makeRecord(place: string, id: string, socket: string): Promise<boolean> {
    try {
      this.firstRecord(place, id, socket);
      await removeStale(place);
      return true;
    } catch (error) {
      const why = "the server could not add itself to this list; auth login can find it with --data-dir";
      this.parts.log.warn(why, { list: place, error: (error as Error).message });
      return false;
    }
  }

  private firstRecord(place: string, id: string, socket: string): void {
    const make = () => {
      // The owner of a directory can replace what is in it, so the server creates this directory itself.
      if (isSocketPlace(dirname(place))) makeSocketPlace();
      makePrivateDirectory(place);
    };
    intoDirectory(ATTEMPTS, make, () => this.writeRecord(place, id, socket));
  }

  private writeRecord(place: string, id: string, socket: string): void {
    const { all, pin } = this.parts.urls;
    const record: LocalServer = { urls: all, pid: process.pid, socket, pin };
    writeFileAtomic(join(place, `${id}.json`), `${JSON.stringify(record)}\n`);
  }
}

/** Removes what killed servers left: the records and sockets on which nobody listens any more. */
async function removeStale(place: string): Promise<void> {
  for (const { file, server } of listedServers(place, process.getuid?.())) {
    // A busy server may refuse a connection for a moment.
    if (processLives(server.pid) || (await isListening(server.socket))) continue;
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
