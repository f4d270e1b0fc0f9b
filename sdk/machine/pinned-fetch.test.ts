import { afterEach, expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { pinOfCertificate } from "../../shared/pin-of-certificate.ts";
import { keyIn, selfSigned, type TlsKeys } from "../../tests/support/certificates.ts";
import { ComputeClient } from "../client.ts";
import { OtherServerError, UnreachableError } from "../errors.ts";
import { createComputeClient } from "./index.ts";
import { PinnedFetch } from "./pinned-fetch.ts";
import { ServerProof } from "./server-proof.ts";

const servers: Bun.Server<undefined>[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop(true);
});

function play(tls: TlsKeys, port = 0) {
  const tokens: (string | null)[] = [];
  const connections = new Set<number | undefined>();
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port,
    tls,
    async fetch(request, of) {
      tokens.push(request.headers.get("authorization"));
      connections.add(of.requestIP(request)?.port);
      await request.arrayBuffer();
      return Response.json({ jobs: [] });
    },
  });
  servers.push(server);
  return { url: `https://127.0.0.1:${server.port}`, server, tokens, connections };
}

const pinOf = ({ cert }: TlsKeys) => pinOfCertificate(new X509Certificate(cert));
const clientOf = (url: string, pin: ConstructorParameters<typeof PinnedFetch>[1]) => {
  const proof = new ServerProof({ url, key: undefined, pin, todo: "Look" });
  return new ComputeClient({ url, proof, credentials: { headers: () => ({ authorization: "secret" }) } });
};
const list = (client: ComputeClient) => client.call("jobs.list", {});

test("the fingerprint alone is enough to reach the server, and only the server that has it", async () => {
  const [right, wrong] = [await selfSigned(), await selfSigned()];
  const { url, tokens } = play(right);
  const { fingerprint } = pinOf(right);
  const compute = createComputeClient({ url, fingerprint, token: "t" });
  expect(await Array.fromAsync(compute.jobs.list())).toEqual([]);
  expect(tokens).toEqual(["Bearer t"]);
  const other = play(wrong);
  await expect(list(clientOf(other.url, { fingerprint }))).rejects.toThrow(OtherServerError);
  await expect(list(clientOf(other.url, pinOf(right)))).rejects.toThrow(pinOf(wrong).fingerprint);
  expect(other.tokens).toEqual([]);
});

test("many requests to a server with the wrong key send it nothing, not even a body", async () => {
  const right = await selfSigned();
  const { url, tokens } = play(await selfSigned());
  const pinned = new PinnedFetch(url, pinOf(right), "Look");
  const body = () => ({ method: "POST", body: new Blob(["secret"]).stream() });
  const all = await Promise.allSettled(Array.from({ length: 50 }, () => pinned.fetch(url, body)));
  expect(all.every(({ status }) => status === "rejected")).toBe(true);
  expect(tokens).toEqual([]);
});

test("a certificate renewed with the same key is accepted by every request, one with another key by none", async () => {
  const first = await selfSigned();
  const renewed = await selfSigned(keyIn(first), ["compute.example.org", "new.example.org"]);
  const before = play(first);
  const { port } = before.server;
  const client = clientOf(before.url, pinOf(first));
  await list(client);
  await before.server.stop(true);
  const after = play(renewed, port);
  await Promise.all([list(client), list(client), list(client)]);
  expect(after.tokens).toHaveLength(3);
  await after.server.stop(true);
  const stolen = play(await selfSigned(), port);
  await expect(list(client)).rejects.toThrow(OtherServerError);
  expect(stolen.tokens).toEqual([]);
});

test("requests one after the other share a connection", async () => {
  const tls = await selfSigned();
  const { url, connections } = play(tls);
  const client = clientOf(url, pinOf(tls));
  for (let i = 0; i < 5; i++) await list(client);
  expect(connections.size).toBe(1);
});

test("without a pin, a certificate that no authority signed is refused with what to do", async () => {
  const { url, tokens } = play(await selfSigned());
  const error = await list(new ComputeClient({ url })).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(UnreachableError);
  expect((error as UnreachableError).temporary).toBe(false);
  expect((error as Error).message).toContain("auth login");
  expect(tokens).toEqual([]);
});
