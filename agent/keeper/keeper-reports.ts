import { closeSync } from "node:fs";
import { createPipe, type Pipe, readPipe } from "../process/pipes.ts";
import { KeptLaunchError, RECORD_BYTES, type Report, reportIn } from "./keeper.ts";

/** A command below a keeper, as what its keeper reports concerns it. */
export interface Reported {
  heard(report: Report): void;
  /** Called from time to time until `forget`: a keeper that was killed reports nothing. */
  look(): void;
}

const LOOK_MS = 250;

/** What all keepers of this process report. They share one pipe: one for each would cost a short job a tenth of its start. */
export class KeeperReports {
  static readonly ofThisProcess = new KeeperReports();
  private readonly waiting = new Map<number, Reported>();
  private lastNumber = 0;
  private writeFd: number | undefined;
  private reading: Promise<void> = Promise.resolve();
  private looking: ReturnType<typeof setInterval> | undefined;

  /** A number for a keeper, and the descriptor to which it writes. Throws KeptLaunchError. */
  place(): { number: number; status: number } {
    this.writeFd ??= this.open();
    return { number: ++this.lastNumber, status: this.writeFd };
  }

  /** From now on `one` hears what the keeper with this number reports; call it in the turn that starts the keeper. */
  listen(number: number, one: Reported): void {
    this.waiting.set(number, one);
    this.looking ??= setInterval(() => this.look(), LOOK_MS).unref();
  }

  forget(number: number): void {
    this.waiting.delete(number);
  }

  /** An open pipe keeps this process from ending. Resolves once the keepers that write to it are gone; a later one gets another. */
  close(): Promise<void> {
    if (this.writeFd !== undefined) closeSync(this.writeFd);
    this.writeFd = undefined;
    return this.reading;
  }

  private open(): number {
    const pipe = createPipe();
    if (!pipe) throw new KeptLaunchError("keeper", "EMFILE");
    this.reading = this.read(pipe).finally(() => closeSync(pipe.readFd));
    return pipe.writeFd;
  }

  /** Until `close`, this process holds the write end itself, so the pipe does not end. */
  private async read(pipe: Pipe): Promise<void> {
    let rest: Uint8Array = new Uint8Array();
    for await (const chunk of readPipe(pipe)) {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      let at = 0;
      for (; at + RECORD_BYTES <= bytes.length; at += RECORD_BYTES) {
        const report = reportIn(bytes.subarray(at, at + RECORD_BYTES));
        this.waiting.get(report.number)?.heard(report);
      }
      rest = bytes.slice(at);
    }
  }

  private look(): void {
    for (const one of this.waiting.values()) one.look();
    if (this.waiting.size > 0) return;
    clearInterval(this.looking);
    this.looking = undefined;
  }
}
