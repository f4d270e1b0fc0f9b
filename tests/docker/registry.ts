import { gzipSync } from "bun";
import { testRootfs } from "../support/docker.ts";

const MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
const CONFIG = "application/vnd.docker.container.image.v1+json";
const LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip";

/**
 * A private registry with one image, `app:1`. Engines talk to 127.0.0.1 without certificates. Its content is new each
 * time, so no engine has it already.
 */
export class TestRegistry implements AsyncDisposable {
  /** The logins that clients sent, in order. */
  readonly logins: string[] = [];
  /** While it is set, a layer is sent only up to its half. */
  stalls = false;
  private readonly blobs = new Map<string, Uint8Array<ArrayBuffer>>();
  private readonly manifest: Uint8Array<ArrayBuffer>;
  private readonly server: ReturnType<typeof Bun.serve>;
  private stalled = Promise.withResolvers<void>();

  private constructor(
    layerTar: Uint8Array<ArrayBuffer>,
    private readonly password: string,
  ) {
    const layer = gzipSync(layerTar);
    const config = bytesOf({
      architecture: process.arch === "arm64" ? "arm64" : "amd64",
      os: "linux",
      config: {
        Env: ["PATH=/bin"],
        Cmd: ["echo", "from the registry"],
        Labels: { made: crypto.randomUUID() },
      },
      rootfs: { type: "layers", diff_ids: [digestOf(layerTar)] },
    });
    for (const blob of [layer, config]) this.blobs.set(digestOf(blob), blob);
    this.manifest = bytesOf({
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: { mediaType: CONFIG, size: config.length, digest: digestOf(config) },
      layers: [{ mediaType: LAYER, size: layer.length, digest: digestOf(layer) }],
    });
    this.server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      idleTimeout: 60,
      fetch: (request) => this.answer(request),
    });
  }

  static async start(password: string): Promise<TestRegistry> {
    return new TestRegistry(await testRootfs(crypto.randomUUID()), password);
  }

  get host(): string {
    return `127.0.0.1:${this.server.port}`;
  }

  get image(): string {
    return `${this.host}/app:1`;
  }

  /** Resolves when a client waits for the rest of a layer. */
  get someoneWaits(): Promise<void> {
    return this.stalled.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.stop(true);
  }

  private answer(request: Request): Response {
    const { pathname } = new URL(request.url);
    const login = Buffer.from(
      request.headers.get("authorization")?.replace(/^Basic /, "") ?? "",
      "base64",
    ).toString();
    if (login) this.logins.push(login);
    if (login !== `ada:${this.password}`) {
      const errors = [{ code: "UNAUTHORIZED", message: "authentication required" }];
      return Response.json(
        { errors },
        { status: 401, headers: { "www-authenticate": `Basic realm="test"` } },
      );
    }
    if (pathname === "/v2/") return Response.json({});
    if (/^\/v2\/app\/manifests\/(1|sha256:.+)$/.test(pathname)) {
      const headers = { "content-type": MANIFEST, "docker-content-digest": digestOf(this.manifest) };
      return new Response(request.method === "HEAD" ? undefined : this.manifest, { headers });
    }
    const blob = this.blobs.get(pathname.replace("/v2/app/blobs/", ""));
    if (blob) return new Response(this.stalls && blob.length > 10_000 ? this.half(blob) : blob);
    return Response.json(
      { errors: [{ code: "MANIFEST_UNKNOWN", message: "manifest unknown" }] },
      { status: 404 },
    );
  }

  private half(blob: Uint8Array): ReadableStream {
    const { stalled } = this;
    let sent = false;
    return new ReadableStream({
      async pull(controller) {
        if (!sent) controller.enqueue(blob.slice(0, blob.length / 2));
        else stalled.resolve();
        // The rest never comes. The connection is cut when the server ends or the reader leaves.
        if (sent) await new Promise(() => {});
        sent = true;
      },
    });
  }
}

function bytesOf(value: unknown): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(JSON.stringify(value)));
}

function digestOf(bytes: Uint8Array): string {
  return `sha256:${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}`;
}
