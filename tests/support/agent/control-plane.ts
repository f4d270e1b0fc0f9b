import { endpoints } from "../../../shared/endpoints/index.ts";
import { ComputeError, type ErrorCode } from "../../../shared/errors.ts";
import { newId } from "../../../shared/ids.ts";
import type { LogBatch, LogLine } from "../../../shared/log.ts";
import type { JobManifestInput } from "../../../shared/manifest.ts";
import type { Assignment, ExecutionReport } from "../../../shared/node.ts";
import { pause } from "../../../shared/wait.ts";
import { linesOf } from "../lines-of.ts";
import { assignmentOf } from "./assignment.ts";

type NodeEndpoint = "nodes.register" | "nodes.heartbeat" | "nodes.poll" | "nodes.result" | "nodes.logs";
const served: NodeEndpoint[] = [
  "nodes.register",
  "nodes.heartbeat",
  "nodes.poll",
  "nodes.result",
  "nodes.logs",
];

/** A small real server for the agent's side of the API. The test decides its answers. */
export class ControlPlane {
  readonly nodeId = newId("node");
  nodeKey = "key-1";
  /** Every request in order, with its body. */
  readonly requests: { id: NodeEndpoint; body: Record<string, unknown>; key: string | null }[] = [];
  readonly reports: ExecutionReport[] = [];
  readonly lines = new Map<string, LogLine[]>();
  readonly stale = new Set<string>();
  cancel: string[] = [];
  abandon: string[] = [];
  /** Answers to give instead of the normal ones, by endpoint. */
  readonly failWith = new Map<NodeEndpoint, ErrorCode>();
  /** Whether it hands out jobs ahead of free slots. Servers of earlier versions do not, and refuse the field. */
  takesAhead = false;
  /** How far the server's clock is ahead of ours. */
  clockOffsetMs = 0;
  private waiting: Assignment[] = [];
  private readonly delivered = new Map<string, Assignment>();
  private server: ReturnType<typeof Bun.serve> | undefined;
  private port = 0;
  private readonly listeners = new Set<() => void>();

  start(): void {
    this.server = Bun.serve({
      hostname: "127.0.0.1",
      port: this.port,
      idleTimeout: 60,
      fetch: (request) => this.answer(request),
    });
    this.port = this.server.port ?? 0;
  }

  /** Closes every connection abruptly, as a crash does. */
  async stop(): Promise<void> {
    await this.server?.stop(true);
    this.server = undefined;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  submit(manifest: JobManifestInput, leaseMs = 30_000): string {
    const executionId = newId("exe");
    const leaseEndsAtMs = Date.now() + this.clockOffsetMs + leaseMs;
    this.waiting.push(assignmentOf(manifest, executionId, leaseEndsAtMs));
    this.changed();
    return executionId;
  }

  /** Answers the waiting polls with an order. */
  order(orders: { cancel?: string[]; abandon?: string[] }): void {
    this.cancel = orders.cancel ?? [];
    this.abandon = orders.abandon ?? [];
    this.changed();
  }

  text(executionId: string): string {
    return (this.lines.get(executionId) ?? []).map((line) => `${line.text}\n`).join("");
  }

  statuses(executionId: string): string[] {
    return this.reports.filter((one) => one.executionId === executionId).map((one) => one.status);
  }

  /** Resolves when `condition` holds; checks it at every request. */
  async until(condition: () => boolean, what: string, maxMs = 10_000): Promise<void> {
    const limit = AbortSignal.timeout(maxMs);
    while (!condition()) {
      if (limit.aborted) throw new Error(`${maxMs} ms passed without: ${what}`);
      await this.nextChange(100, limit);
    }
  }

  private async nextChange(maxMs: number, signal?: AbortSignal): Promise<void> {
    const change = new AbortController();
    const listener = () => change.abort();
    this.listeners.add(listener);
    signal?.addEventListener("abort", listener, { once: true });
    await pause(maxMs, change.signal);
    this.listeners.delete(listener);
  }

  private changed(): void {
    for (const listener of [...this.listeners]) listener();
  }

  private async answer(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    const id = served.find((one) => endpoints[one].path === pathname);
    if (!id) return problem("not_found");
    const body = endpoints[id].input.parse(await request.json()) as Record<string, unknown>;
    const key = request.headers.get("x-api-key");
    this.requests.push({ id, body, key });
    const isUnknown = body.ahead !== undefined && !this.takesAhead;
    const failure = this.failWith.get(id) ?? this.refusal(key) ?? (isUnknown ? "invalid_request" : undefined);
    const answer = failure
      ? problem(failure)
      : Response.json(await this.handle(id, body, key, request.signal));
    this.changed();
    return answer;
  }

  private refusal(key: string | null): ErrorCode | undefined {
    return key !== null && key !== this.nodeKey ? "unauthenticated" : undefined;
  }

  private async handle(
    id: NodeEndpoint,
    body: Record<string, unknown>,
    key: string | null,
    signal: AbortSignal,
  ): Promise<unknown> {
    if (id === "nodes.register") return this.registered(body, key);
    if (id === "nodes.heartbeat") return this.orders();
    if (id === "nodes.poll") return this.poll(body, signal);
    if (id === "nodes.result") return this.takeReports(body.reports as ExecutionReport[]);
    return this.takeLines(body.batches as LogBatch[]);
  }

  private registered(body: Record<string, unknown>, key: string | null): unknown {
    const now = new Date().toISOString();
    return {
      node: {
        ...(body.description as object),
        nodeId: this.nodeId,
        businessId: "biz",
        status: "ACTIVE",
        runningExecutions: 0,
        lastHeartbeatAt: now,
        createdAt: now,
      },
      nodeKey: key === null ? this.nodeKey : undefined,
      heartbeatSeconds: 0.2,
      offlineAfterSeconds: 30,
    };
  }

  private orders() {
    const now = new Date(Date.now() + this.clockOffsetMs).toISOString();
    return { status: "ACTIVE", cancel: this.cancel, abandon: this.abandon, now };
  }

  private async poll(body: Record<string, unknown>, signal: AbortSignal): Promise<unknown> {
    const held = new Set(body.executions as string[]);
    const { ahead = 0 } = body as { ahead?: number };
    const max = (body.maxAssignments as number) + ahead;
    const isNews = () =>
      [...this.cancel, ...this.abandon].some((one) => held.has(one)) || (max > 0 && this.waiting.length > 0);
    if (!isNews()) await this.nextChange((body.waitSeconds as number) * 1_000, signal);
    if (signal.aborted) return {};
    const again = [...this.delivered.values()].filter((one) => !held.has(one.executionId));
    const assignments = [...again, ...this.waiting.splice(0, max)];
    for (const one of assignments) this.delivered.set(one.executionId, one);
    return { ...this.orders(), assignments, ...(this.takesAhead && { takesAhead: true }) };
  }

  private takeReports(reports: ExecutionReport[]): unknown {
    const outcomes = reports.map((report) => {
      if (report.status !== "RUNNING") this.delivered.delete(report.executionId);
      if (this.stale.has(report.executionId)) return "stale";
      const known = this.reports.some(
        (one) => one.executionId === report.executionId && one.status === report.status,
      );
      if (!known) this.reports.push(report);
      return known ? "repeated" : "applied";
    });
    return { outcomes };
  }

  private takeLines(batches: LogBatch[]): unknown {
    const stored = batches.map(({ executionId, seq, runs }) => {
      if (this.stale.has(executionId)) return "stale";
      const have = this.lines.get(executionId) ?? [];
      this.lines.set(executionId, have);
      for (const line of linesOf({ firstSeq: seq, runs })) if (line.seq === have.length + 1) have.push(line);
      return have.length;
    });
    return { stored };
  }
}

function problem(code: ErrorCode): Response {
  const error = new ComputeError(code, `scripted ${code}`);
  return Response.json(error.toProblem(), {
    status: error.status,
    headers: { "content-type": "application/problem+json" },
  });
}
