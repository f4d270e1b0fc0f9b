import { type ErrorCode, errorCodes } from "../../shared/errors.ts";

/** A server that answers what a test wants, for answers that a real server rarely gives. */
export class ScriptedServer implements Disposable {
  /** The paths that were asked for, in order, without `/api/compute/`: `jobs/submit` and the like. */
  readonly requests: string[] = [];
  readonly bodies: unknown[] = [];
  private readonly server: ReturnType<typeof Bun.serve>;

  constructor(answer: (path: string, request: Request) => Response | Promise<Response>) {
    this.server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      idleTimeout: 0,
      fetch: async (request) => {
        const path = new URL(request.url).pathname.replace("/api/compute/", "");
        this.requests.push(path);
        if (request.method === "POST") this.bodies.push(await request.clone().json());
        return answer(path, request);
      },
    });
  }

  get url(): string {
    return this.server.url.href.replace(/\/$/, "");
  }

  [Symbol.dispose](): void {
    void this.server.stop(true);
  }
}

export function problem(code: ErrorCode, more: Record<string, unknown> = {}): Response {
  const { status, title } = errorCodes[code];
  return new Response(JSON.stringify({ type: "about:blank", title, status, code, detail: title, ...more }), {
    status,
    headers: { "content-type": "application/problem+json" },
  });
}

export function events(text: string): Response {
  return new Response(text, { headers: { "content-type": "text/event-stream" } });
}

export function logEvent(attempt: number, line: Record<string, unknown>): string {
  const data = { attempt, at: "2026-01-01T00:00:00.000Z", ...line };
  return `id: ${attempt}.${line.seq}\nevent: log\ndata: ${JSON.stringify(data)}\n\n`;
}

export const JOB_ID = `job_${"0".repeat(26)}`;
