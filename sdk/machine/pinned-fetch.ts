import type { ServerPin } from "../../shared/server-pin.ts";
import { certificateTrouble } from "../certificate-trouble.ts";
import { OtherServerError } from "../errors.ts";
import { seeCertificate } from "./see-certificate.ts";
import { fetchTrusting, type TlsTrust } from "./tls-fetch.ts";

/** Several servers behind one URL may have a certificate each, all with the same key. */
const MAX_CERTIFICATES = 16;

/** A pin, or only its fingerprint. */
export type KnownPin = Pick<ServerPin, "fingerprint"> & Partial<ServerPin>;

/**
 * `fetch` for a server that is known by the key of its certificate. The TLS handshake checks the certificate, so nothing
 * is sent to another server. A certificate that was renewed with the same key is recognized.
 */
export class PinnedFetch {
  /** The certificates with the right key, the one that was seen last first. */
  private pins: ServerPin[];
  private looking: Promise<boolean> | undefined;

  /**
   * @param known a whole pin, or only its fingerprint; the certificate is then looked at before the first request.
   * @param todo what a person can do if another server answers: a sentence without its full stop.
   * @param latest asked when the server has another key: the pin that is known by then.
   */
  constructor(
    private readonly url: string,
    private known: KnownPin,
    private readonly todo: string,
    private readonly latest?: () => Promise<ServerPin | undefined>,
  ) {
    const { fingerprint, certificate, name } = known;
    this.pins = certificate && name ? [{ fingerprint, certificate, name }] : [];
  }

  /** undefined: only the fingerprint is known yet. */
  get pin(): ServerPin | undefined {
    return this.pins[0];
  }

  /**
   * Like `fetch`. `init` is called for every attempt. Throws OtherServerError if the server has another key.
   */
  fetch(url: string, init: () => RequestInit): Promise<Response> {
    return this.trusting((trust) => fetchTrusting(trust, url, init()));
  }

  /**
   * Makes a connection of any kind that shows the server's certificate to be one of those that `connect` is given. Calls
   * it again after the server's certificate was renewed. Throws OtherServerError if the server has another key.
   */
  async trusting<T>(connect: (trust: TlsTrust) => Promise<T>): Promise<T> {
    if (this.pins.length === 0) await this.look();
    for (;;) {
      const { pins } = this;
      try {
        return await connect(trustOf(pins));
      } catch (error) {
        if (certificateTrouble(error) === undefined) throw error;
        // Another request may have seen the new certificate meanwhile.
        if (this.pins === pins && !(await this.look())) throw error;
      }
    }
  }

  /** Looks at the server's certificate before anything is sent. Throws OtherServerError if it has another key. */
  async meet(): Promise<void> {
    await this.look();
  }

  /** Looks at the server's certificate. Resolves with whether that is a new one. Callers at the same time share a look. */
  private look(): Promise<boolean> {
    this.looking ??= this.lookOnce().finally(() => (this.looking = undefined));
    return this.looking;
  }

  private async lookOnce(): Promise<boolean> {
    const { pin } = await seeCertificate(this.url);
    if (pin.fingerprint !== this.known.fingerprint) {
      const latest = await this.latest?.();
      if (latest?.fingerprint === pin.fingerprint) {
        this.known = latest;
        this.pins = [pin];
        return true;
      }
      const why = `the key of its certificate is ${pin.fingerprint}, but the key known here is ${this.known.fingerprint}`;
      throw new OtherServerError(this.url, why, this.todo);
    }
    if (this.pins.some(({ certificate }) => certificate === pin.certificate)) return false;
    if (this.pins.length >= MAX_CERTIFICATES) return false;
    this.pins = [pin, ...this.pins];
    return true;
  }
}

function trustOf(pins: readonly ServerPin[]): TlsTrust {
  // The key says which server it is, so the name that is checked is that of the certificate, not of the URL.
  return { certificates: pins.map(({ certificate }) => pem(certificate)), name: pins[0]?.name ?? "" };
}

function pem(certificate: string): string {
  return `-----BEGIN CERTIFICATE-----\n${certificate.replaceAll(/.{64}/g, "$&\n")}\n-----END CERTIFICATE-----\n`;
}
