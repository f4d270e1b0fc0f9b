import { hostname } from "node:os";
import type { Logger } from "../shared/logger.ts";
import { openPrivateDirectory } from "../shared/private-directory.ts";
import { inTime } from "../shared/wait.ts";
import { openBus } from "./bus/open.ts";
import { openStores } from "./compose/open-stores.ts";
import type { ServerSettings } from "./compose/options.ts";
import { composePlane, type Plane } from "./compose/plane.ts";
import { OwnNames, plainName } from "./http/own-names.ts";
import { OwnUrls } from "./http/own-urls.ts";

export interface RunningServer {
  /** As a client on this machine reaches it: `http://127.0.0.1:7070`. */
  url: string;
  /** As it was asked to listen: `http://0.0.0.0:7070`. */
  listensAt: string;
  /** Takes no new request, ends every wait, writes what is pending, and closes the store. Safe to call twice. */
  stop(): Promise<void>;
}

/** How long open requests may take to end when the server stops. */
const STOP_MS = 5_000;
/** Bun closes a connection without traffic after this; its maximum, longer than any long poll or keep-alive. */
const IDLE_TIMEOUT_SECONDS = 255;
/** Bun's own limit answers without a problem document, so it stands far above ours. */
const HARD_BODY_LIMIT_BYTES = 1024 * 1024 * 1024;

/**
 * Opens the store, composes the control plane and begins to listen.
 * Throws OpenDirectoryError where others may enter the data directory, StoreInUseError where another server has the data directory, and `EADDRINUSE` for a taken port.
 */
export async function startServer(settings: ServerSettings, log: Logger): Promise<RunningServer> {
  // Closed again, the last first, where the start fails.
  await using opening = new AsyncDisposableStack();
  closeDataDir(settings.dataDir, log);
  const stores = opening.adopt(await openStores(settings, (message) => log.warn(message)), (one) =>
    one.close(),
  );
  const bus = opening.adopt(await openBus(settings, stores.sessions, log), (one) => one.close());
  const stopping = new AbortController();
  const { dataDir, pricing, retention, sessionLife } = settings;
  const now = () => stores.clock?.now() ?? Date.now();
  const urls = new OwnUrls(plainName(settings.host), settings.publicUrls);
  const whole = { pricing, retention, sessionLife };
  const parts = { stores, bus, urls, ...whole, log, now, stopping: stopping.signal };
  const plane = await composePlane(parts);
  opening.defer(() => plane.close());
  const listener = opening.adopt(listen(settings, plane), (one) => one.stop(true));
  // By its number: of the addresses that a name stands for, others may belong to others.
  urls.listensOn({
    address: addressOf(listener) ?? plainName(settings.host),
    port: listener.port ?? settings.port,
  });
  opening.defer(await plane.localSignIn.listen(dataDir, settings.signInLists));
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
    listensAt: urlOf(plainName(settings.host), listener.port ?? settings.port),
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
}

/** Names by which a data directory is known for one. */
const DATA_DIR_MARKS = ["compute.db", "local-login"];

function closeDataDir(dataDir: string, log: Logger): void {
  const { wasOpen } = openPrivateDirectory(dataDir, DATA_DIR_MARKS);
  if (wasOpen) log.warn(`other accounts could enter ${dataDir}; it was closed to them (mode 0700)`);
}

function listen(settings: ServerSettings, { app }: Plane) {
  let names: OwnNames | undefined;
  return Bun.serve({
    hostname: plainName(settings.host),
    port: settings.port,
    reusePort: settings.reusePort,
    idleTimeout: IDLE_TIMEOUT_SECONDS,
    maxRequestBodySize: HARD_BODY_LIMIT_BYTES,
    fetch(request, server) {
      names ??= new OwnNames({ ...settings, port: server.port ?? settings.port, hostname: hostname() });
      return app.fetch(request, { address: server.requestIP(request)?.address, names });
    },
  });
}

function urlOf(host: string, port: number): string {
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** Bun does not declare it. */
function addressOf(listener: object): string | undefined {
  return (listener as { address?: { address?: string } }).address?.address;
}
