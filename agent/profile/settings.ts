import type { Logger } from "../../shared/logger.ts";
import { textOf } from "../../shared/text-of.ts";
import { Bell } from "../../shared/wait.ts";
import { type NodeProfile, type ProfileSource, profileInWords, type ReadWhat } from "./profile.ts";
import { watchFile } from "./watch-file.ts";

const NOTHING_TOLD_MS = 3_600_000;
const extent: readonly ReadWhat[] = ["settings", "missing", "machine"];

export interface SettingsParts {
  profile: NodeProfile;
  /** Absent: the profile stays as it is. */
  source?: ProfileSource;
  log: Logger;
  /** Carries out what is new. Ends early when the signal fires: something newer is there, or the agent ends. */
  apply(profile: NodeProfile, signal: AbortSignal): Promise<void>;
}

/** What the owner has set, as it is in force now: read anew when agent.yaml changes, or when it is asked for. */
export class Settings {
  profile: NodeProfile;
  readAt = new Date().toISOString();
  /** What is wrong with the file as it is now; what was read before it stays in force. */
  error: string | undefined;
  private readonly bell = new Bell();
  /** What holds jobs to their limits, once that is known. */
  private enforcedBy: string | undefined;
  /** What is to be read anew; the file may have changed before anybody watched it. */
  private due: ReadWhat | undefined = "settings";
  private superseded = new AbortController();
  /** What the server knows. */
  private applied: NodeProfile;

  constructor(private readonly parts: SettingsParts) {
    this.profile = parts.profile;
    this.applied = parts.profile;
  }

  /** The process that holds the jobs knows what holds them to their limits. */
  setEnforcedBy(enforcedBy: string | undefined): void {
    this.enforcedBy = enforcedBy;
    this.profile = this.complete(this.profile);
    this.applied = this.profile;
  }

  /** Until the signal fires. Never throws. */
  async run(signal: AbortSignal): Promise<void> {
    const { source } = this.parts;
    if (!source) return;
    watchFile(source.path, () => this.readSoon("settings"), signal);
    source.onAsked(() => this.readSoon("machine"));
    while (!signal.aborted) {
      const { due } = this;
      this.due = undefined;
      if (due) await this.readNow(source, due, signal);
      if (!this.due) await this.bell.wait(signal, NOTHING_TOLD_MS);
    }
  }

  /** Soon, and in the background. */
  readSoon(what: ReadWhat): void {
    if (this.due === undefined || extent.indexOf(what) > extent.indexOf(this.due)) this.due = what;
    this.superseded.abort();
    this.bell.ring();
  }

  private async readNow(source: ProfileSource, what: ReadWhat, signal: AbortSignal) {
    const { log } = this.parts;
    this.superseded = new AbortController();
    const read = await this.tryToRead(source, what);
    if (!read) return;
    const profile = this.complete(read);
    const isNew = !Bun.deepEquals(profile, this.profile);
    const wasWrong = this.error !== undefined;
    this.readAt = new Date().toISOString();
    this.error = undefined;
    this.profile = profile;
    if (isNew) log.info(`New settings, for jobs from now on. ${profileInWords(profile)}`);
    else if (wasWrong || what === "machine") log.info(`All is as it was. ${profileInWords(profile)}`);
    await this.apply(AbortSignal.any([signal, this.superseded.signal]));
  }

  private async tryToRead(source: ProfileSource, what: ReadWhat) {
    try {
      return await source.read(what);
    } catch (error) {
      const before = this.error;
      this.error = textOf(error);
      // Whoever saves the file once more without having mended it has heard what is wrong; who asks is told again.
      if (this.error !== before || what === "machine") {
        this.parts.log.warn(`${this.error} — the settings from before stay in force until this is right.`);
      }
      return undefined;
    }
  }

  private complete(profile: NodeProfile): NodeProfile {
    const { enforcedBy } = this;
    const { description } = profile;
    if (enforcedBy === undefined) return profile;
    return { ...profile, description: { ...description, caps: { ...description.caps, enforcedBy } } };
  }

  private async apply(signal: AbortSignal): Promise<void> {
    const { profile } = this;
    if (Bun.deepEquals(profile, this.applied)) return;
    try {
      await this.parts.apply(profile, signal);
      this.applied = profile;
    } catch (error) {
      if (signal.aborted) return; // Something newer is announced next, or the agent ends.
      this.error = `The server does not take the new settings: ${textOf(error)}`;
      this.parts.log.warn(this.error);
    }
  }
}
