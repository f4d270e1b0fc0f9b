import { hostname } from "node:os";
import { fileLimits } from "../shared/files/file-limits.ts";
import type { Logger } from "../shared/logger.ts";
import { openPrivateDirectory } from "../shared/private-directory.ts";
import { isLoopback } from "../shared/url.ts";
import { inTime } from "../shared/wait.ts";
import { openBus } from "./bus/open.ts";
import { openBlobs } from "./compose/open-blobs.ts";
import { openStores } from "./compose/open-stores.ts";
import type { ServerSettings } from "./compose/options.ts";
import { composePlane, type Plane } from "./compose/plane.ts";
import { callSocketHandler, type Upgrade } from "./http/call-sockets.ts";
import { clientAddress } from "./http/client-address.ts";
import { Listener, type TlsKeys } from "./http/listener.ts";
import { OwnNames, plainName } from "./http/own-names.ts";
import { OwnUrls } from "./http/own-urls.ts";
import type { Certificate } from "./tls/certificate.ts";
import { watchCertificate } from "./tls/certificate-watch.ts";
import { certificateSource } from "./tls/open-certificates.ts";

export interface RunningServer {
  /** The URL for a client on this machine: `http://127.0.0.1:7070`. */
  url: string;
  /** The address it was asked to listen on: `http://0.0.0.0:7070`. */
  listensAt: string;
  /** The fingerprint of its certificate's key; undefined: it speaks plain HTTP. */
  fingerprint: string | undefined;
  /** The page that makes the first owner; undefined if there is one, or if only this machine reaches the server. */
  setupUrl: string | undefined;
  /** Accepts no more requests, ends every wait, flushes pending writes and closes the store. Safe to call twice. */
  stop(): Promise<void>;
}

/** How long open requests have to finish when the server stops. */
const STOP_MS = 5_000;
/** Bun closes a connection after this long without traffic. It is Bun's maximum, longer than any long poll or keep-alive. */
const IDLE_TIMEOUT_SECONDS = 255;
/** Bun enforces this limit without a problem document, so it is above our own limits. */
const HARD_BODY_LIMIT_BYTES = 2 * fileLimits.maxFileBytes;

/**
 * Opens the store, puts the control plane together and starts to listen.
 * Throws CertificateError if its certificate cannot be used, ArtifactsPlaceError if files cannot be kept at the place of the settings, OpenDirectoryError if other accounts can enter the data directory, StoreInUseError if another server uses it,
 * and `EADDRINUSE` if the port is taken.
 */
export async function startServer(settings: ServerSettings, log: Logger): Promise<RunningServer> {
  // If the start fails, everything is closed again in reverse order.
  await using opening = new AsyncDisposableStack();
  closeDataDir(settings.dataDir, log);
  const stores = await openStores(settings, (message) => log.warn(message));
  opening.defer(() => stores.close());
  const blobs = await openBlobs(settings, stores, (message) => log.warn(message));
  opening.defer(() => blobs.close());
  const bus = await openBus(settings, stores.sessions, log);
  opening.defer(() => bus.close());
  const stopping = new AbortController();
  const urls = new OwnUrls(plainName(settings.host), settings.publicUrls);
  const source = await certificateSource({
    ...settings,
    host: plainName(settings.host),
    sessions: stores.sessions,
  });
  const now = () => stores.clock?.now() ?? Date.now();
  const certificate = await source?.read(now());
  const plane = await composePlane({
    stores,
    blobs,
    bus,
    urls,
    pricing: settings.pricing,
    oauthClients: settings.oauthClients,
    oidc: settings.oidc,
    retention: settings.retention,
    sessionLife: settings.sessionLife,
    mail: settings.mail,
    nodeKeyMaxAgeMs: settings.nodeKeyMaxAgeMs,
    log,
    now,
    stopping: stopping.signal,
  });
  opening.defer(() => plane.close());
  const listed = Promise.withResolvers<void>();
  const listener = listen(settings, plane, certificate, log, listed.promise);
  opening.defer(() => listener.stop(true));
  const port = listener.port ?? settings.port;
  // The numeric address: a name may have several, and some of them may belong to other accounts.
  const address = listener.address ?? plainName(settings.host);
  urls.listensOn({ address, port, pin: certificate?.pin });
  opening.defer(await plane.localSignIn.listen(settings.dataDir, settings.signInLists));
  listed.resolve();
  const onNew = async (fresh: Certificate) => {
    await listener.replace(keysOf(fresh));
    urls.listensOn({ address, port, pin: fresh.pin });
    plane.localSignIn.writeAgain();
  };
  if (source && certificate) {
    void watchCertificate({ source, current: certificate, onNew, now, log, signal: stopping.signal });
  }
  const isReachable = !isLoopback(plainName(settings.host)) || settings.publicUrls.length > 0;
  const setupUrl = isReachable ? await plane.setupUrl() : undefined;
  for (const task of plane.tasks) task.start();
  const opened = opening.move();
  const stop = async () => {
    stopping.abort();
    await Promise.all([plane.close(), ...plane.tasks.map((task) => task.stop())]);
    await inTime(STOP_MS, listener.stop());
    await listener.stop(true);
    await opened.disposeAsync();
  };
  let stopped: Promise<void> | undefined;
  return {
    url: urls.all[0] ?? settings.host,
    listensAt: urlOf(certificate ? "https" : "http", plainName(settings.host), port),
    fingerprint: certificate?.pin.fingerprint,
    setupUrl,
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
}

/** Files that mark a directory as the data directory of a server. */
const DATA_DIR_MARKS = ["compute.db", "local-login"];

function closeDataDir(dataDir: string, log: Logger): void {
  const { wasOpen } = openPrivateDirectory(dataDir, DATA_DIR_MARKS);
  if (wasOpen) log.warn(`other accounts could enter ${dataDir}; its mode is now 0700, which keeps them out`);
}

/** Answers requests once `listed` resolves, so that a command that got an answer finds the server in the lists of its account. */
function listen(
  settings: ServerSettings,
  { app }: Plane,
  certificate: Certificate | undefined,
  log: Logger,
  listed: Promise<void>,
): Listener {
  let names: OwnNames | undefined;
  let isListed = false;
  void listed.then(() => {
    isListed = true;
  });
  const serve = (tls: TlsKeys | undefined, port = settings.port) =>
    Bun.serve({
      hostname: plainName(settings.host),
      port,
      tls,
      reusePort: settings.reusePort,
      idleTimeout: IDLE_TIMEOUT_SECONDS,
      maxRequestBodySize: HARD_BODY_LIMIT_BYTES,
      fetch(request, server) {
        const place = { port: server.port ?? port, isTls: tls !== undefined, hostname: hostname() };
        names ??= new OwnNames({ ...settings, ...place });
        const peer = server.requestIP(request)?.address;
        const address = clientAddress(peer, request.headers, settings.trustedProxies);
        const upgrade: Upgrade = (options) => server.upgrade(request, options);
        const facts = { address, names, upgrade };
        return isListed ? app.fetch(request, facts) : listed.then(() => app.fetch(request, facts));
      },
      websocket: callSocketHandler,
    });
  return new Listener(serve, certificate && keysOf(certificate), log);
}

function keysOf({ chain, key }: Certificate): TlsKeys {
  return { cert: chain, key };
}

function urlOf(scheme: string, host: string, port: number): string {
  return `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
