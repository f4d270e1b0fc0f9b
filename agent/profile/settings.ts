import type { Logger } from "../../shared/logger.ts";
import { textOf } from "../../shared/text-of.ts";
import { Bell } from "../../shared/wait.ts";
import { type NodeProfile, type ProfileSource, profileInWords, type ReadWhat } from "./profile.ts";
import { watchFile } from "./watch-file.ts";

const NOTHING_TOLD_MS = 3_600_000;
const extent: readonly ReadWhat[] = ["settings", "missing", "machine"];

export interface SettingsParts {
  profile: NodeProfile;
  /** Absent: the profile never changes. */
  source?: ProfileSource;
  log: Logger;
  /** Puts a new profile into force. Ends early when the signal fires: there is a newer profile, or the agent ends. */
  apply(profile: NodeProfile, signal: AbortSignal): Promise<void>;
}

/** The owner's settings that are in force now. They are read again when agent.yaml changes, or on request. */
export class Settings {
  profile: NodeProfile;
  readAt = new Date().toISOString();
  /** What is wrong with the current file. The settings read before stay in force. */
  error: string | undefined;
  private readonly bell = new Bell();
  /** What enforces the limits of jobs, once that is known. */
  private enforcedBy: string | undefined;
  /** What to read again. At the start the settings: the file may have changed before the watch began. */
  private due: ReadWhat | undefined = "settings";
  private superseded = new AbortController();
  /** The profile that the server has. */
  private applied: NodeProfile;

  constructor(private readonly parts: SettingsParts) {
    this.profile = parts.profile;
    this.applied = parts.profile;
  }

  /** What enforces the limits of jobs is known only by the process that holds them. */
  setEnforcedBy(enforcedBy: string | undefined): void {
    this.enforcedBy = enforcedBy;
    this.profile = this.complete(this.profile);
    this.applied = this.profile;
  }

  /** Runs until the signal fires. Never throws. */
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

  /** Reads again soon, in the background. */
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
    if (isNew) log.info(`New settings for jobs from now on. ${profileInWords(profile)}`);
    else if (wasWrong || what === "machine") log.info(`Nothing has changed. ${profileInWords(profile)}`);
    await this.apply(AbortSignal.any([signal, this.superseded.signal]));
  }

  private async tryToRead(source: ProfileSource, what: ReadWhat) {
    try {
      return await source.read(what);
    } catch (error) {
      const before = this.error;
      this.error = textOf(error);
      // Saving the file again with the same mistake logs nothing new. On request it is logged again.
      if (this.error !== before || what === "machine") {
        this.parts.log.warn(`${this.error} — the previous settings stay in force until this is fixed.`);
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
      if (signal.aborted) return; // A newer profile is announced next, or the agent ends.
      this.error = `The server refuses the new settings: ${textOf(error)}`;
      this.parts.log.warn(this.error);
    }
  }
}
