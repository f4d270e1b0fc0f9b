import { expect, test } from "bun:test";
import { createHash, X509Certificate } from "node:crypto";
import { createServer as createHttpServer } from "node:http";
import { connect, createServer } from "node:net";
import { OtherServerError } from "../../sdk/errors.ts";
import { ServerProof } from "../../sdk/machine/server-proof.ts";
import { CALLS_PROTOCOL } from "../../shared/call-frames.ts";
import { pinOfCertificate } from "../../shared/pin-of-certificate.ts";
import { keyIn, selfSigned, type TlsKeys } from "../../tests/support/certificates.ts";
import { SocketServer } from "../../tests/support/socket-server.ts";
import { openSocket, SocketRefusedError } from "./open-socket.ts";

const headers = { "x-api-key": "secret" };
const pinOf = ({ cert }: TlsKeys) => pinOfCertificate(new X509Certificate(cert));
const proofOf = (url: string, tls?: TlsKeys) =>
  new ServerProof({ url, key: "known", ...(tls && { pin: pinOf(tls) }), todo: "Look" });

async function keysSent(server: SocketServer, proof: ServerProof, proxy?: string) {
  const { socket, end } = await openSocket({ url: server.url, proof, proxy }, headers);
  socket.close();
  end(true);
  return server.upgrades.map((each) => each.get("x-api-key"));
}

test("a server with the pinned key gets the node's key, also with a certificate that was renewed", async () => {
  const tls = await selfSigned();
  await using server = new SocketServer(tls);
  expect(await keysSent(server, proofOf(server.url, tls))).toEqual(["secret"]);
  await using renewed = new SocketServer(await selfSigned(keyIn(tls), ["renewed.example.org"]));
  expect(await keysSent(renewed, proofOf(renewed.url, tls))).toEqual(["secret"]);
});

test("a server with another key gets nothing", async () => {
  await using server = new SocketServer(await selfSigned());
  const other = openSocket({ url: server.url, proof: proofOf(server.url, await selfSigned()) }, headers);
  await expect(other).rejects.toThrow(OtherServerError);
  await expect(openSocket({ url: server.url }, headers)).rejects.toThrow(SocketRefusedError);
  expect(server.upgrades).toEqual([]);
});

test("a server of plain HTTP that does not prove itself gets nothing", async () => {
  await using server = new SocketServer();
  const opening = openSocket({ url: server.url, proof: proofOf(server.url) }, headers);
  await expect(opening).rejects.toThrow(OtherServerError);
  expect(server.byHttp).toEqual(["/api/compute/server/identity"]);
  expect(server.upgrades).toEqual([]);
});

test("through a proxy, the certificate is checked as without one", async () => {
  const asked: string[] = [];
  const proxy = createServer((client) => {
    client.on("error", () => undefined); // The test looks at what came, not at how it ended.
    client.once("data", (head) => {
      const [, host = "", port] = /^CONNECT ([^:]+):(\d+) /.exec(head.toString()) ?? [];
      asked.push(`${host}:${port}`);
      const server = connect(Number(port), host, () => client.write("HTTP/1.1 200 OK\r\n\r\n"));
      server.on("error", () => client.destroy());
      client.pipe(server).pipe(client);
    });
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const through = `http://127.0.0.1:${(proxy.address() as { port: number }).port}`;
  const tls = await selfSigned();
  await using server = new SocketServer(tls);
  await using other = new SocketServer(await selfSigned());
  expect(await keysSent(server, proofOf(server.url, tls), through)).toEqual(["secret"]);
  expect(asked).toEqual([`127.0.0.1:${server.port}`]);
  await expect(keysSent(other, proofOf(other.url, tls), through)).rejects.toThrow(OtherServerError);
  expect(other.upgrades).toEqual([]);
  proxy.close();
});

/** A server that takes an upgrade, and sends these bytes in place of frames. */
async function afterUpgrade(bytes: Uint8Array) {
  const server = createHttpServer();
  server.on("upgrade", (request, socket) => {
    const key = `${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    const accept = createHash("sha1").update(key).digest("base64");
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: ${accept}\r\nsec-websocket-protocol: ${CALLS_PROTOCOL}\r\n\r\n`,
    );
    if (bytes.length > 0) socket.write(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    [Symbol.dispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}

test("a socket that carries nothing, as behind a proxy that passes on only the upgrade, is not taken for open", async () => {
  using deaf = await afterUpgrade(new Uint8Array());
  const opening = openSocket({ url: deaf.url, limitMs: 300 }, headers);
  await expect(opening).rejects.toThrow("no answer within 0.3 s");
});

test("bytes that are no frames of a WebSocket never bring the agent down", async () => {
  for (let round = 0; round < 20; round++) {
    const bytes = Uint8Array.from({ length: 1 + round * 20 }, (_, i) => (round * 11 + i * 37) % 256);
    using garbled = await afterUpgrade(bytes);
    await expect(openSocket({ url: garbled.url, limitMs: 100 }, headers)).rejects.toThrow(SocketRefusedError);
  }
});

test("a redirect is not followed", async () => {
  await using server = new SocketServer();
  server.refuseWith = 302;
  const refused = await openSocket({ url: server.url }, headers).catch((error: unknown) => error);
  expect(refused).toMatchObject({ name: "SocketRefusedError", status: 302 });
});
