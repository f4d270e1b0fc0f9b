import { SMTPServer } from "smtp-server";
import { waitFor } from "./wait.ts";

export interface ReceivedMail {
  from: string;
  to: string;
  /** With its headers. */
  text: string;
}

/** A real SMTP server on this machine, which keeps what it receives. */
export class TestMail implements AsyncDisposable {
  readonly received: ReceivedMail[] = [];
  /** While set, every mail is refused for now, or for good. */
  refusal: "later" | "for good" | undefined;

  private constructor(
    private readonly server: SMTPServer,
    readonly port: number,
  ) {}

  static async start(): Promise<TestMail> {
    let mail: TestMail | undefined;
    const server = new SMTPServer({
      authOptional: true,
      disabledCommands: ["STARTTLS"],
      logger: false,
      onData(stream, session, done) {
        const chunks: Buffer[] = [];
        stream.on("data", (chunk: Buffer) => chunks.push(chunk));
        stream.on("end", () => {
          const refusal = mail?.refusal;
          if (refusal !== undefined) {
            return done(
              Object.assign(new Error("no mail now"), { responseCode: refusal === "later" ? 451 : 550 }),
            );
          }
          const { mailFrom, rcptTo } = session.envelope;
          mail?.received.push({
            from: mailFrom ? mailFrom.address : "",
            to: rcptTo.map(({ address }) => address).join(","),
            text: Buffer.concat(chunks).toString(),
          });
          done();
        });
      },
    });
    const listening = Promise.withResolvers<void>();
    server.once("error", listening.reject);
    const inner = server.listen(0, "127.0.0.1", () => listening.resolve());
    await listening.promise;
    mail = new TestMail(server, (inner.address() as { port: number }).port);
    return mail;
  }

  /** The environment of a server that sends its mail here. */
  get env(): Record<string, string> {
    return {
      TANVRIT_SMTP_URL: `smtp://127.0.0.1:${this.port}`,
      TANVRIT_MAIL_FROM: "Compute <compute@example.org>",
    };
  }

  /** Waits for a mail to this address, and takes it out. */
  async next(to: string): Promise<ReceivedMail> {
    const at = () => this.received.findIndex((mail) => mail.to === to);
    await waitFor(`a mail to ${to}`, () => at() >= 0);
    const [mail] = this.received.splice(at(), 1);
    if (!mail) throw new Error("unreachable: it was there");
    return mail;
  }

  /** Waits for a mail with a code of six digits, and returns the code. */
  async nextCode(to: string): Promise<string> {
    const { text } = await this.next(to);
    const code = /^ +(\d{6})\r?$/m.exec(text)?.[1];
    if (code === undefined) throw new Error(`no code in this mail: ${text}`);
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = Promise.withResolvers<void>();
    this.server.close(() => closed.resolve());
    await closed.promise;
  }
}
