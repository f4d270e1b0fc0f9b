import type { Logger } from "../../shared/logger.ts";
import { textOf } from "../../shared/text-of.ts";
import { pause } from "../../shared/wait.ts";
import type { Certificate } from "./certificate.ts";
import type { CertificateSource } from "./certificate-source.ts";

export interface WatchParts {
  source: CertificateSource;
  /** The certificate that is served now. */
  current: Certificate;
  /** Called with every new certificate; resolves when it is served. */
  onNew(certificate: Certificate): Promise<void>;
  now(): number;
  log: Logger;
  /** Ends the watch. */
  signal: AbortSignal;
}

const WARN_BEFORE_MS = 7 * 24 * 3_600_000;

/**
 * Serves the new certificate whenever the source has one. A bad one is reported, and the one before stays in use. Resolves
 * when the signal fires, and never rejects.
 */
export async function watchCertificate(parts: WatchParts): Promise<void> {
  const { source, onNew, now, log, signal } = parts;
  let { current } = parts;
  let trouble: string | undefined;
  let reported: string | undefined;
  let warnedOf: number | undefined;
  while (!signal.aborted) {
    if (current.validUntilMs - now() < WARN_BEFORE_MS && warnedOf !== current.validUntilMs) {
      warnedOf = current.validUntilMs;
      log.warn(`The server's certificate ${expiry(current, now())}.`);
    }
    await pause(source.everyMs, signal);
    if (signal.aborted) return;
    try {
      const read = await source.read(now());
      trouble = undefined;
      reported = undefined;
      if (read.chain === current.chain && read.key === current.key) continue;
      await onNew(read);
      current = read;
      log.info(`The server has a new certificate, which ${expiry(read, now())}.`);
    } catch (error) {
      const why = textOf(error);
      // One file may have been replaced a moment before the other, so a trouble counts when it stays.
      if (why === trouble && why !== reported) {
        log.warn(`The server keeps its certificate, because the new one cannot be used: ${why}.`);
        reported = why;
      }
      trouble = why;
    }
  }
}

function expiry({ validUntilMs }: Certificate, nowMs: number): string {
  const day = new Date(validUntilMs).toISOString().slice(0, 10);
  return validUntilMs < nowMs ? `expired on ${day}` : `expires on ${day}`;
}
