import type { ComputeClient } from "../../sdk/client.ts";
import type { CallId, EndpointInput, EndpointOutput } from "../../shared/endpoints/index.ts";
import type { ComputeError } from "../../shared/errors.ts";
import { textOf } from "../../shared/text-of.ts";
import { pause } from "../../shared/wait.ts";
import { AgentError } from "../process/agent-error.ts";
import { isCode, isLostAccess, isRefusal, NodeTakenError, SessionEndedError } from "./errors.ts";
import { GrantRequests } from "./grant-requests.ts";
import { type Announced, Registration, type RegistrationParts } from "./registration.ts";
import type { SignIn } from "./sign-in.ts";

export interface NodeSessionParts extends RegistrationParts {
  /** Watched while nobody is signed in; absent: an agent that loses its access does not wait, but ends. */
  signIn?: SignIn | undefined;
}

const LEAVE_MS = 1_000;
/** Without this pause a key that is refused right after it was made would be renewed as fast as the network allows. */
const RENEW_PAUSE_MS = 5_000;
/** The pause before the next try to register as a node that another agent has. */
const ASK_AGAIN_MS = 1_000;
/** While nobody is signed in, the agent tries this often, even if it sees no change: another machine may have changed it. */
const TRY_AGAIN_MS = 60_000;
/**
 * The server tells in whole seconds when the other agent will count as silent. When that moment moves by more than
 * this, the other agent has been heard from again.
 */
const HEARD_AGAIN_MS = 3_000;

/**
 * This agent's identity at the server. Registers the node, and registers again when its key is refused. While nobody is
 * signed in for it, calls wait, and go on by themselves after the next sign-in.
 */
export class NodeSession {
  private readonly registration: Registration;
  private renewal: { done: Promise<void>; signal: AbortSignal } | undefined;
  private renewedAtMs = Number.NEGATIVE_INFINITY;
  /** Why nobody is signed in, and the version of the sign-in that did not do. */
  private ended: { error: SessionEndedError; version: number } | undefined;
  private taken: NodeTakenError | undefined;
  private isRegistered = false;
  /** Says that another agent has this node; undefined: no other agent has it. */
  private claim: string | undefined;
  private readonly grantRequests: GrantRequests;

  constructor(private readonly parts: NodeSessionParts) {
    this.registration = new Registration(parts);
    this.grantRequests = new GrantRequests(parts.userClient, parts.log);
  }

  get heartbeatSeconds(): number {
    return this.registration.heartbeatSeconds;
  }

  get offlineAfterSeconds(): number {
    return this.registration.offlineAfterSeconds;
  }

  /** The last call of any loop got no answer. */
  get isServerAway(): boolean {
    return this.parts.connection.awaySince !== undefined;
  }

  /** The node's id; empty before the first registration. */
  get nodeId(): string {
    return this.registration.node?.nodeId ?? "";
  }

  /** The node's name at the server; undefined before the first registration. */
  get name(): string | undefined {
    return this.registration.answer?.name;
  }

  /** Nobody is signed in for this node, so it gets no job until somebody is. */
  get isSignedOut(): boolean {
    return this.ended !== undefined;
  }

  /** What the owner should know about this node's registration. */
  get notices(): string[] {
    const all = [
      this.ended?.error.message,
      this.claim,
      this.grantRequests.inWords,
      this.registration.neighbours,
    ];
    return all.filter((one) => one !== undefined);
  }

  /** Registers this node, or announces its changed profile. Throws SessionEndedError if the user must sign in first. */
  async announce(profile: Announced, signal: AbortSignal): Promise<void> {
    this.registration.profile = profile;
    if (this.taken) throw this.taken;
    try {
      await this.register(signal);
    } catch (error) {
      if (!isCode(error, "node_in_use")) throw error;
      if (this.isRegistered) throw this.takenBy(error);
      await this.becomeOwnNode(error, signal);
    }
    this.isRegistered = true;
    this.claim = undefined;
    const { answer } = this.registration;
    if (answer) await this.grantRequests.ask(answer, signal);
  }

  private async register(signal: AbortSignal): Promise<void> {
    const { registration } = this;
    if (await registration.byKey(signal)) return;
    if ((await registration.followKey(signal)) && (await registration.byKey(signal))) return;
    await this.registerByUser(signal);
  }

  /**
   * Another agent runs as this node, or did a moment ago. If it stays silent, this agent gets the node. If it is heard from
   * again, this agent runs in a copy of its directory, and registers a node of its own.
   */
  private async becomeOwnNode(refusal: ComputeError, signal: AbortSignal): Promise<void> {
    const { log, executions } = this.parts;
    const silentAtMs = silentFrom(refusal);
    const seconds = refusal.retryAfterSeconds ?? 0;
    this.claim = `${refusal.message} If that agent stays silent for ${seconds} s, this agent takes the node.`;
    log.warn(this.claim);
    for (let latest = refusal; silentFrom(latest) - silentAtMs < HEARD_AGAIN_MS; ) {
      await pause(ASK_AGAIN_MS, signal);
      signal.throwIfAborted();
      try {
        return await this.register(signal);
      } catch (error) {
        if (!isCode(error, "node_in_use")) throw error;
        latest = error;
      }
    }
    const copied = this.nodeId;
    this.claim = `The agent of node ${copied} is alive: this agent is a copy of it, and becomes a node of its own.`;
    log.warn(this.claim);
    executions.disownAll();
    this.registration.forget();
    try {
      await this.registerByUser(signal);
    } catch (error) {
      if (!(error instanceof SessionEndedError)) throw error;
      throw new SessionEndedError(
        `This agent is a copy of node ${copied}, which another agent has, and cannot register a node of its own: ${error.message}`,
        { cause: error.cause },
      );
    }
  }

  /** Makes one call as this node, and repeats it until it is answered. `input` is called again for every attempt. */
  call<Id extends CallId>(
    id: Id,
    input: () => EndpointInput<Id>,
    signal: AbortSignal,
  ): Promise<EndpointOutput<Id>> {
    return this.repeat((client) => client.call(id, input(), { signal }), signal, isLostAccess);
  }

  /** Like `call`, but throws SessionEndedError, instead of waiting, while nobody is signed in for this node. */
  callNow<Id extends CallId>(
    id: Id,
    input: () => EndpointInput<Id>,
    signal: AbortSignal,
  ): Promise<EndpointOutput<Id>> {
    return this.renewing((client) => client.call(id, input(), { signal }), signal, isLostAccess);
  }

  /**
   * Repeats a step as this node until it is answered. It asks for something that the server may not have or not give, so
   * `not_found` and `forbidden` are answers.
   */
  use<T>(step: (client: ComputeClient) => Promise<T>, signal: AbortSignal): Promise<T> {
    return this.repeat(step, signal, (error) => isLostAccess(error) && !isRefusal(error));
  }

  private async repeat<T>(
    step: (client: ComputeClient) => Promise<T>,
    signal: AbortSignal,
    mustRenew: (error: unknown) => boolean,
  ): Promise<T> {
    const { signIn } = this.parts;
    for (;;) {
      try {
        return await this.renewing(step, signal, mustRenew);
      } catch (error) {
        if (!(error instanceof SessionEndedError) || !signIn || !this.ended) throw error;
        await this.untilSignInChanges(signIn, this.ended.version, signal);
      }
    }
  }

  /** One step as this node, with a new key if the key is refused. */
  private async renewing<T>(
    step: (client: ComputeClient) => Promise<T>,
    signal: AbortSignal,
    mustRenew: (error: unknown) => boolean,
  ): Promise<T> {
    for (;;) {
      const { client } = this.registration;
      if (this.taken) throw this.taken;
      if (!client) throw new AgentError("The agent must register before it can speak for its node.");
      try {
        return await this.parts.connection.attempt(signal, () => step(client));
      } catch (error) {
        if (isCode(error, "node_taken")) throw this.takenBy(error);
        if (!mustRenew(error)) throw error;
        if (this.isWaiting) throw this.ended?.error;
        await this.renew(client, error, signal);
      }
    }
  }

  /** Nobody was signed in at the last try, and the sign-in has not changed since. */
  private get isWaiting(): boolean {
    const { ended } = this;
    return ended !== undefined && ended.version === (this.parts.signIn?.version ?? ended.version);
  }

  private async untilSignInChanges(signIn: SignIn, version: number, signal: AbortSignal): Promise<void> {
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(), TRY_AGAIN_MS);
    await signIn.changed(version, AbortSignal.any([signal, limit.signal]));
    clearTimeout(timer);
    signal.throwIfAborted();
    if (!limit.signal.aborted) this.renewedAtMs = Number.NEGATIVE_INFINITY;
    else if (this.ended) this.ended.version = Number.NaN;
  }

  /** Tries once to tell the server that the agent ends and leaves nothing running. Never throws. */
  async leave(): Promise<void> {
    const { client } = this.registration;
    if (!client || this.isServerAway || this.taken) return;
    try {
      await client.call("nodes.heartbeat", { executions: [], leaving: true }, { timeoutMs: LEAVE_MS });
    } catch {
      // It does not matter: the node's silence tells the server the same half a minute later.
    }
  }

  /** Renews a refused key once, no matter how many calls find it refused. */
  private async renew(refused: ComputeClient, why: unknown, signal: AbortSignal): Promise<void> {
    while (this.registration.client === refused) {
      this.renewal ??= { signal, done: this.renewNow(why, signal).finally(() => (this.renewal = undefined)) };
      const { done, signal: others } = this.renewal;
      try {
        await done;
      } catch (error) {
        // The call that began the renewal was aborted, but this call still needs it.
        if (signal.aborted || !others.aborted) throw error;
      }
    }
  }

  private async renewNow(why: unknown, signal: AbortSignal): Promise<void> {
    const sinceMs = performance.now() - this.renewedAtMs;
    if (sinceMs < RENEW_PAUSE_MS) await pause(RENEW_PAUSE_MS - sinceMs, signal);
    this.renewedAtMs = performance.now();
    if (isCode(why, "unauthenticated") && (await this.registration.followKey(signal))) {
      this.parts.log.info("This node's key was replaced; the agent has the new one.");
      return;
    }
    try {
      await this.registerByUser(signal);
    } catch (error) {
      throw isCode(error, "node_in_use") ? this.takenBy(error) : error;
    }
  }

  /** Replaces the key because it is old. Calls that meanwhile find the old one refused wait for the new one. */
  async rotateKey(signal: AbortSignal): Promise<void> {
    const { log } = this.parts;
    this.renewal ??= {
      signal,
      done: this.registration.rotateKey(signal).finally(() => (this.renewal = undefined)),
    };
    try {
      await this.renewal.done;
      log.info("Replaced this node's key, because it was old.");
    } catch (error) {
      // If the server refused it, the next call finds the key refused too, and says what becomes of that.
      if (signal.aborted || !isLostAccess(error)) throw error;
    }
  }

  /** When this agent got its key, epoch milliseconds; undefined: before agents kept it. */
  get keySinceMs(): number | undefined {
    const { keySince } = this.registration.node ?? {};
    return keySince === undefined ? undefined : Date.parse(keySince);
  }

  private takenBy(error: ComputeError): NodeTakenError {
    this.taken ??= new NodeTakenError(
      `${error.message} This agent stops now. Started again, it continues as this node if the other agent has left, and as a node of its own if not.`,
      { cause: error },
    );
    return this.taken;
  }

  private async registerByUser(signal: AbortSignal): Promise<void> {
    const { signIn, log } = this.parts;
    const version = signIn?.version ?? 0;
    try {
      await this.registerAnew(signal);
      if (this.ended) log.info("Somebody has signed in: this node takes jobs again.");
      this.ended = undefined;
    } catch (error) {
      if (!isLostAccess(error)) throw error;
      const before = this.ended;
      this.ended = { error: this.endedBecause(error), version };
      if (!before && signIn && this.isRegistered) log.warn(this.ended.error.message);
      throw this.ended.error;
    }
  }

  /**
   * A machine that was given an enrolment token becomes a node with it; its sign-in comes first if it is a node already,
   * because that keeps the node. Throws what the server said about the last of these ways.
   */
  private async registerAnew(signal: AbortSignal): Promise<void> {
    const { registration } = this;
    const { enrolClient } = this.parts;
    if (!enrolClient) return registration.byUser(signal);
    if (registration.node) {
      try {
        return await registration.byUser(signal);
      } catch (error) {
        if (!isLostAccess(error)) throw error;
      }
    }
    await registration.byEnrolment(enrolClient, signal);
  }

  private endedBecause(error: ComputeError): SessionEndedError {
    const { registration, isRegistered } = this;
    const what = registration.node ? "This machine's session has ended" : "This machine cannot be registered";
    const elsewhere =
      "For a machine without a person, start it with --enroll and a token from `tanvrit-compute node enroll`.";
    const todo =
      this.parts.signIn && isRegistered
        ? "It takes no new jobs; those that run end as usual. Run `tanvrit-compute auth login`: this agent notices, and goes on."
        : `Run \`tanvrit-compute auth login\`, then start the agent again. ${elsewhere}`;
    return new SessionEndedError(`${what}: ${asSentence(textOf(error))} ${todo}`, { cause: error });
  }
}

/** Reasons from the server are sentences, those of this program are not. */
function asSentence(reason: string): string {
  return /[.!?]$/.test(reason) ? reason : `${reason}.`;
}

/** When the agent that has the node will count as silent, by this process's clock. */
function silentFrom(refusal: ComputeError): number {
  return performance.now() + (refusal.retryAfterSeconds ?? 0) * 1_000;
}
