import { expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { pinOfCertificate } from "../../shared/pin-of-certificate.ts";
import { selfSigned } from "../../tests/support/certificates.ts";
import { Listener, type TlsKeys } from "./listener.ts";

const log = { info: () => undefined, warn: () => undefined, error: () => undefined };

function requestTo(port: number, path: string, { cert }: TlsKeys): Promise<Response> {
  const { name } = pinOfCertificate(new X509Certificate(cert));
  const tls = { ca: cert, serverName: name, allowPartialTrustChain: true };
  return fetch(`https://127.0.0.1:${port}/${path}`, { tls, keepalive: false } as RequestInit);
}

test("a new certificate serves new connections, and a stream that is open goes on", async () => {
  const [first, second] = [await selfSigned(), await selfSigned()];
  const steps: (() => void)[] = [];
  const endless = () =>
    new ReadableStream({
      pull: (controller) =>
        new Promise<void>((resolve) => {
          steps.push(() => {
            controller.enqueue(new Uint8Array([1]));
            resolve();
          });
        }),
    });
  const listener = new Listener(
    (tls, port = 0) =>
      Bun.serve({
        hostname: "127.0.0.1",
        port,
        tls,
        fetch: (request) =>
          request.url.endsWith("/stream") ? new Response(endless()) : new Response("hello"),
      }),
    first,
    log,
  );
  const port = listener.port ?? 0;
  const opened = requestTo(port, "stream", first);
  while (steps.length === 0) await Bun.sleep(1);
  steps.shift()?.();
  const reader = (await opened).body?.getReader();
  expect((await reader?.read())?.value).toEqual(new Uint8Array([1]));
  await listener.replace(second);
  expect(listener.port).toBe(port);
  expect(await (await requestTo(port, "", second)).text()).toBe("hello");
  await expect(requestTo(port, "", first)).rejects.toThrow();
  const next = reader?.read();
  while (steps.length === 0) await Bun.sleep(1);
  steps.shift()?.();
  expect((await next)?.value).toEqual(new Uint8Array([1]));
  await listener.stop(true);
  expect(await reader?.read().catch(() => "ended")).toBe("ended");
});
