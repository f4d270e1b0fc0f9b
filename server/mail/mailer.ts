import type { Transporter } from "nodemailer";
import { ComputeError } from "../../shared/errors.ts";
import type { Logger } from "../../shared/logger.ts";
import { isLoopback } from "../../shared/url.ts";
import { type Backoff, backoffMs, inTime, pause } from "../../shared/wait.ts";
import { maskedUrl } from "../runtime/masked-url.ts";
import type { MailSettings } from "./settings.ts";

export interface Mail {
  to: string;
  subject: string;
  text: string;
}

/** The most mails that wait or are being sent. */
const MAX_WAITING = 200;
const MAX_CONNECTIONS = 2;
const MAX_TRIES = 4;
const PAUSE: Backoff = { firstMs: 1_000, maxMs: 30_000 };
const CONNECT_MS = 10_000;
const SILENCE_MS = 30_000;
/** The answer to the request goes out before the mail, also on a busy machine. */
const ANSWER_FIRST_MS = 50;
/** How long mails on their way have when the server stops. */
const CLOSE_MS = 3_000;

/** Sends mail in the background, so that no answer tells by its time whether a mail was sent. */
export class Mailer {
  private readonly stopping = new AbortController();
  private readonly underWay = new Set<Promise<void>>();

  private constructor(
    private readonly transport: Transporter,
    private readonly from: string,
    private readonly place: string,
    private readonly log: Logger,
  ) {}

  static async open({ smtpUrl, from }: MailSettings, log: Logger): Promise<Mailer> {
    // Loaded only by servers that send mail.
    const { createTransport } = await import("nodemailer");
    const { hostname, username } = new URL(smtpUrl);
    const transport = createTransport({
      url: smtpUrl,
      pool: true,
      maxConnections: MAX_CONNECTIONS,
      connectionTimeout: CONNECT_MS,
      greetingTimeout: CONNECT_MS,
      socketTimeout: SILENCE_MS,
      // A password never crosses a network in plain text.
      requireTLS: username !== "" && !isLoopback(hostname) && smtpUrl.startsWith("smtp:"),
      disableFileAccess: true,
      disableUrlAccess: true,
    });
    return new Mailer(transport, from, maskedUrl(smtpUrl), log);
  }

  /** Throws `unavailable` while too many mails wait. Ask this before the decision whether somebody gets a mail. */
  requireRoom(): void {
    if (this.underWay.size < MAX_WAITING) return;
    const detail = "The server has too many mails to send. Try again in a minute.";
    throw new ComputeError("unavailable", detail, { retryAfterSeconds: 60 });
  }

  /** Sends a mail soon, and tries a few times. A mail that cannot be sent is an error in the server's log. */
  post(mail: Mail): void {
    this.requireRoom();
    const sent = this.send(mail).finally(() => this.underWay.delete(sent));
    this.underWay.add(sent);
  }

  /** Waits a few seconds for the mails on their way. */
  async close(): Promise<void> {
    this.stopping.abort();
    await inTime(CLOSE_MS, Promise.all(this.underWay));
    this.transport.close();
  }

  private async send({ to, subject, text }: Mail): Promise<void> {
    await pause(ANSWER_FIRST_MS);
    for (let failures = 0; ; failures++) {
      try {
        await this.transport.sendMail({ from: this.from, to, subject, text });
        return;
      } catch (error) {
        const { message } = error as Error;
        const isLast = failures + 1 >= MAX_TRIES || this.stopping.signal.aborted || isPermanent(error);
        // Neither the text nor the address: both are somebody's own.
        const facts = { subject, smtp: this.place, error: message };
        if (isLast) return this.log.error("a mail could not be sent", facts);
        this.log.warn("a mail could not be sent yet; the server will try again", facts);
      }
      await pause(backoffMs(PAUSE, failures), this.stopping.signal);
    }
  }
}

/** Whether the mail server refused the mail for good (RFC 5321 §4.2.1). */
function isPermanent(error: unknown): boolean {
  const { responseCode } = error as { responseCode?: number };
  return responseCode !== undefined && responseCode >= 500;
}
