import { signInHere } from "../../cmd/auth/local-server.ts";
import type { TokenSet } from "../../shared/auth.ts";
import { commonErrors, type Endpoint } from "../../shared/endpoints/endpoint.ts";
import {
  type CallId,
  type EndpointId,
  type EndpointInput,
  type EndpointOutput,
  endpoints,
} from "../../shared/endpoints/index.ts";
import type { ErrorCode, Problem } from "../../shared/errors.ts";
import { RUN_HEADER } from "../../shared/node.ts";
import { problem } from "../../shared/problem.ts";
import { NodeSockets } from "./node-sockets.ts";

/** How a request authenticates: with an access token, an API key, a node key, or not at all. */
export interface As {
  token?: string;
  apiKey?: string;
  nodeKey?: string;
  /** The id of the agent run that sends the request. */
  runId?: string;
}

/** The ways by which an agent's calls get to the server; all promises hold for each. */
export const nodeCalls = ["socket", "http"] as const;
export type NodeCalls = (typeof nodeCalls)[number];

const REQUEST_TIMEOUT_MS = 40_000;

/**
 * Calls a server over its socket as any client would, without the SDK, and checks every response against the endpoint
 * table. A response that the table does not describe fails the test.
 */
export class Api {
  readonly url: string;
  /** What carries the calls of nodes. */
  nodeCalls: NodeCalls = "http";
  private readonly sockets: NodeSockets;

  constructor(url: string) {
    this.url = url;
    this.sockets = new NodeSockets(url);
  }

  /** A call that must succeed. */
  async call<Id extends CallId>(
    id: Id,
    input: EndpointInput<Id>,
    as: As = {},
    headers: Record<string, string> = {},
  ): Promise<EndpointOutput<Id>> {
    const response = await this.send(id, JSON.stringify(input), as, headers);
    const body = await response.text();
    if (response.status !== 200) throw new Error(`${id} answered ${response.status}: ${body}`);
    return endpoints[id].output.parse(JSON.parse(body)) as EndpointOutput<Id>;
  }

  /** A call that must be refused with one of the error codes in its row of the table. */
  async refused(id: CallId, input: unknown, as: As = {}): Promise<Problem & { code: ErrorCode }> {
    const found = await readProblem(await this.send(id, JSON.stringify(input), as));
    const named: readonly ErrorCode[] = [...commonErrors, ...endpoints[id].errors];
    if (!named.includes(found.code)) throw new Error(`${id} answered ${found.code}, which is not in its row`);
    return found;
  }

  async send(
    id: EndpointId,
    body: BodyInit,
    as: As = {},
    headers: Record<string, string> = {},
  ): Promise<Response> {
    if (this.nodeCalls === "socket" && as.nodeKey !== undefined && typeof body === "string") {
      const carried = await this.sockets.send(id, body, headersOf(as), headers["idempotency-key"]);
      if (carried) return carried;
    }
    const endpoint: Endpoint = endpoints[id];
    return this.fetch(endpoint.path, {
      method: endpoint.method,
      headers: { "content-type": "application/json", ...headersOf(as), ...headers },
      body,
    });
  }

  fetch(path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(new URL(path, this.url), { signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS), ...init });
  }

  /** Signs in from the same machine, as the command line does. */
  async signIn(business: string, user = "tester"): Promise<TokenSet> {
    const url = this.url.replace(/\/$/, "");
    const signIn = await signInHere({}, { url, dataDir: undefined, business, user: () => user });
    if (!signIn) throw new Error(`no server of this account is at ${url}`);
    return signIn.tokens;
  }

  /** Signs in, and returns the credentials that `call` takes. */
  async user(business = "local", name?: string): Promise<As> {
    return { token: (await this.signIn(business, name)).accessToken };
  }

  /** The same, in a business that no other test uses. */
  newUser(): Promise<As> {
    return this.user(`business-${crypto.randomUUID()}`);
  }
}

export function headersOf(as: As): Record<string, string> {
  return {
    ...(as.token === undefined ? {} : { authorization: `Bearer ${as.token}` }),
    ...(as.apiKey === undefined ? {} : { "x-api-key": as.apiKey }),
    ...(as.nodeKey === undefined ? {} : { "x-api-key": as.nodeKey }),
    ...(as.runId === undefined ? {} : { [RUN_HEADER]: as.runId }),
  };
}

/** Parses a refusal as a problem. Checks its media type, its schema, and that the status is the same in the body. */
export async function readProblem(response: Response): Promise<Problem & { code: ErrorCode }> {
  const body = await response.text();
  const type = response.headers.get("content-type") ?? "";
  if (!type.startsWith("application/problem+json")) {
    throw new Error(`expected a problem, got ${response.status} ${type}: ${body.slice(0, 500)}`);
  }
  const parsed = problem.parse(JSON.parse(body));
  if (parsed.status !== response.status)
    throw new Error(`status ${response.status}, but the body says ${body}`);
  return parsed as Problem & { code: ErrorCode };
}
