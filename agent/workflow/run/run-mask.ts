import { SecretMask } from "../../masking/secret-mask.ts";

/** Shorter values would hide harmless text if they were looked for in other forms; they are replaced only as they are. */
const MIN_SEARCHED = 4;
const MASK = "***";

/** What must not be shown: the secrets of the run; in a job, also what its steps add. */
export class RunMask {
  private readonly searched = new Set<string>();
  private readonly literal = new Set<string>();
  private built: SecretMask | undefined;
  private isBuilt = true;

  /** @param above everything that it masks is masked here too. It must not change any more. */
  constructor(private readonly above?: RunMask) {}

  add(value: string): void {
    if (value === "" || this.has(value)) return;
    if (value.length < MIN_SEARCHED) this.literal.add(value);
    else {
      this.searched.add(value);
      this.isBuilt = false;
    }
  }

  text(text: string): string {
    if (text === "") return text;
    let shown = this.search()?.text(text) ?? text;
    for (const value of this.literals()) if (shown !== MASK) shown = shown.replaceAll(value, MASK);
    return shown;
  }

  private has(value: string): boolean {
    return this.searched.has(value) || this.literal.has(value) || (this.above?.has(value) ?? false);
  }

  private *literals(): Generator<string, void, void> {
    if (this.above) yield* this.above.literals();
    yield* this.literal;
  }

  private search(): SecretMask | undefined {
    // Most jobs add nothing.
    if (this.searched.size === 0) return this.above?.search();
    if (this.isBuilt) return this.built;
    this.isBuilt = true;
    try {
      const values = [...(this.above?.searched ?? []), ...this.searched];
      this.built = new SecretMask(values.map((value) => Buffer.from(value)));
    } catch {
      this.giveUpNewest();
      return this.search();
    }
    return this.built;
  }

  /** The values are too large together for the search in other forms: the newest is replaced as it is. */
  private giveUpNewest(): void {
    const [newest = ""] = [...this.searched].slice(-1);
    this.searched.delete(newest);
    this.isBuilt = false;
    for (const part of [newest, ...newest.split(/\r?\n/)]) {
      if (part.length >= MIN_SEARCHED) this.literal.add(part);
    }
  }
}
