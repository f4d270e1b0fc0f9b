import { expect, test } from "bun:test";
import { generateKeyPairSync, sign } from "node:crypto";
import { proofText } from "../../shared/proof-text.ts";
import { playedServers } from "../../tests/support/played-server.ts";
import { ComputeClient } from "../client.ts";
import { OtherServerError } from "../errors.ts";
import { ServerProof } from "./server-proof.ts";

const { serve } = playedServers();

function newKey() {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const { x = "" } = publicKey.export({ format: "jwk" });
  return { privateKey, x };
}

const { privateKey, x } = newKey();

/** A server that holds the key; `answer` makes its answer to everything except server.identity. */
function play(answer: () => Response) {
  const asked: string[] = [];
  const url = serve(async (request) => {
    const { pathname } = new URL(request.url);
    asked.push(pathname.split("/").at(-1) ?? "");
    if (!pathname.endsWith("/identity")) return answer();
    const { nonce, url: at } = (await request.json()) as { nonce: string; url: string };
    const signature = sign(null, proofText(nonce, at), privateKey).toString("base64url");
    return Response.json({ serverKey: x, signature, urls: [at] });
  }).replace(/\/$/, "");
  return { url, asked };
}

const clientOf = (url: string, key: string | undefined, onUnproven?: (why: string) => void) =>
  new ComputeClient({ url, proof: new ServerProof({ url, key, todo: "Look", onUnproven }) });
const list = (client: ComputeClient) => client.call("jobs.list", {});

test("requests that run together, and requests soon after, share a proof", async () => {
  const { url, asked } = play(() => Response.json({ jobs: [] }));
  const client = clientOf(url, x);
  await Promise.all([list(client), list(client), list(client)]);
  await list(client);
  expect(asked).toEqual(["identity", "list", "list", "list", "list"]);
});

test("after a failure, or the last answer of a stopping server, the next request asks for a new proof", async () => {
  const answers = [
    Response.json({ jobs: [] }, { headers: { connection: "close" } }),
    new Response("bad gateway", { status: 502 }),
    Response.json({ jobs: [] }),
  ];
  const { url, asked } = play(() => answers.shift() as Response);
  const client = clientOf(url, x);
  await list(client);
  await expect(list(client)).rejects.toThrow();
  await list(client);
  expect(asked).toEqual(["identity", "list", "identity", "list", "identity", "list"]);
});

test("a server with another key is sent nothing", async () => {
  const { url, asked } = play(() => Response.json({ jobs: [] }));
  await expect(list(clientOf(url, newKey().x))).rejects.toThrow(OtherServerError);
  expect(asked).toEqual(["identity"]);
});

test("the public key alone proves nothing, and neither does a signature for another nonce or URL", async () => {
  const other = newKey();
  for (const text of [
    (nonce: string, at: string) => [nonce, at, other.privateKey] as const,
    (_: string, at: string) => ["A".repeat(43), at, privateKey] as const,
    (nonce: string) => [nonce, "http://127.0.0.1:1", privateKey] as const,
  ]) {
    const url = serve(async (request) => {
      const { nonce, url: at } = (await request.json()) as { nonce: string; url: string };
      const [signedNonce, signedUrl, key] = text(nonce, at);
      const signature = sign(null, proofText(signedNonce, signedUrl), key).toString("base64url");
      return Response.json({ serverKey: x, signature, urls: [at] });
    }).replace(/\/$/, "");
    await expect(list(clientOf(url, x))).rejects.toThrow(/does not hold the key/);
  }
});

test("without a known key the first proven key is learnt; a server without proof is reported and trusted", async () => {
  const { url } = play(() => Response.json({ jobs: [] }));
  const proof = new ServerProof({ url, key: undefined, todo: "Look" });
  await list(new ComputeClient({ url, proof }));
  expect(proof.key).toBe(x);
  const reported: string[] = [];
  const old = serve((request) =>
    request.url.endsWith("/list") ? Response.json({ jobs: [] }) : new Response("not here", { status: 404 }),
  ).replace(/\/$/, "");
  await expect(list(clientOf(old, undefined, (why) => reported.push(why)))).rejects.toThrow();
  const problem = { type: "about:blank", title: "no", status: 404, code: "not_found" };
  const earlier = serve((request) =>
    request.url.endsWith("/list")
      ? Response.json({ jobs: [] })
      : Response.json(problem, { status: 404, headers: { "content-type": "application/problem+json" } }),
  ).replace(/\/$/, "");
  await list(clientOf(earlier, undefined, (why) => reported.push(why)));
  expect(reported).toEqual(["it does not prove which server it is"]);
});
