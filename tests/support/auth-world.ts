import { apiKeyMigrations, SqliteApiKeyStore } from "../../server/api-key/api-key-store.sqlite.ts";
import { ApiKeys } from "../../server/api-key/api-keys.ts";
import { KeySecrets } from "../../server/auth/key-secrets.ts";
import { NodeKeys } from "../../server/auth/node-keys.ts";
import { authMigrations, SqliteSessionStore } from "../../server/auth/session-store.sqlite.ts";
import type { SessionRecord } from "../../server/auth/session-store.ts";
import { Tokens } from "../../server/auth/tokens.ts";
import { EnrolmentService } from "../../server/enrolment/enrolment-service.ts";
import { enrolmentMigrations, SqliteEnrolmentStore } from "../../server/enrolment/enrolment-store.sqlite.ts";
import { nodeMigrations, SqliteNodeStore } from "../../server/node/node-store.sqlite.ts";
import type { NodeRecord } from "../../server/node/node-store.ts";
import { Authenticator } from "../../server/sign-in/authenticator.ts";
import { SqliteStore } from "../../server/store/sqlite.ts";
import { newId } from "../../shared/ids.ts";
import { describeNode } from "./played-node.ts";
import { makeScratch, type Scratch } from "./scratch.ts";

/** Everything that authenticates callers, on a real store and a clock that the test moves. */
export class AuthWorld implements AsyncDisposable {
  /** How far the clock is ahead of the real time. */
  aheadMs = 0;
  readonly now = () => Date.now() + this.aheadMs;
  readonly sessions: SqliteSessionStore;
  readonly nodes: SqliteNodeStore;
  readonly apiKeyStore: SqliteApiKeyStore;
  readonly keys = new NodeKeys(this.now);
  readonly enrolments: EnrolmentService;

  private constructor(
    readonly scratch: Scratch,
    private readonly sqlite: SqliteStore,
  ) {
    this.sessions = new SqliteSessionStore(sqlite);
    this.nodes = new SqliteNodeStore(sqlite);
    this.apiKeyStore = new SqliteApiKeyStore(sqlite);
    this.enrolments = new EnrolmentService({
      enrolments: new SqliteEnrolmentStore(sqlite),
      sessions: this.sessions,
      secrets: new KeySecrets({
        now: this.now,
        ownMark: new Uint8Array(32),
        owner: "enrolment token",
        hasOlder: false,
      }),
      now: this.now,
    });
  }

  static async open(): Promise<AuthWorld> {
    const scratch = await makeScratch();
    return new AuthWorld(
      scratch,
      new SqliteStore(scratch.join("store.db"), [
        ...authMigrations,
        ...nodeMigrations,
        ...enrolmentMigrations,
        ...apiKeyMigrations,
      ]),
    );
  }

  /** The tokens of a server. Each call returns another server on the same store. */
  tokens(): Promise<Tokens> {
    return Tokens.open(this.sessions, this.now);
  }

  readonly endSession = (sessionId: string) => this.sessions.revoke(sessionId, this.now());

  /** The API keys of a server. Each call returns another server on the same store. */
  async apiKeys(): Promise<ApiKeys> {
    const ownMark = await this.sessions.secret("api-keys");
    return new ApiKeys({
      store: this.apiKeyStore,
      sessions: this.sessions,
      secrets: new KeySecrets({ now: this.now, ownMark, owner: "API key", hasOlder: false }),
      now: this.now,
      onSessionEnd: () => undefined,
      onError: (what, error) => {
        throw new Error(what, { cause: error });
      },
    });
  }

  async authenticator(): Promise<Authenticator> {
    return new Authenticator({
      tokens: await this.tokens(),
      keys: this.keys,
      apiKeys: await this.apiKeys(),
      sessions: this.sessions,
      nodes: this.nodes,
      enrolments: this.enrolments,
    });
  }

  signIn(userName = "anna", businessName = "local"): Promise<SessionRecord> {
    const sessionId = newId("ses");
    return this.sessions.create({ sessionId, userName, businessName, role: "owner", nowMs: this.now() });
  }

  /** Registers a node with a session; returns the node's key. */
  async addNode(session: SessionRecord): Promise<{ node: NodeRecord; key: string }> {
    const nodeId = newId("node");
    const { key, hash } = await this.keys.issue(nodeId);
    const { businessId, userId, sessionId } = session;
    const nowMs = this.now();
    const node = {
      nodeId,
      businessId,
      userId,
      sessionId,
      keyHash: hash,
      description: { pool: "default", ...describeNode().description },
      draining: false,
      offline: false,
      accessEnded: false,
      condition: { suspended: false },
      lastHeartbeatAtMs: nowMs,
      createdAtMs: nowMs,
    };
    await this.nodes.insert(node);
    return { node, key };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.sqlite.close();
    await this.scratch[Symbol.asyncDispose]();
  }
}
