import { SecretMask } from "../../masking/secret-mask.ts";

/** Shorter values would hide harmless text if they were looked for in other forms; they are replaced only as they are. */
const MIN_SEARCHED = 4;
const MASK = "***";

/** What must not be shown: the secrets of the run, and what its steps add. */
export class RunMask {
  private readonly searched = new Set<string>();
  private readonly literal = new Set<string>();
  private built: SecretMask | undefined;
  private isBuilt = true;

  add(value: string): void {
    if (value === "" || this.searched.has(value) || this.literal.has(value)) return;
    if (value.length < MIN_SEARCHED) this.literal.add(value);
    else {
      this.searched.add(value);
      this.isBuilt = false;
    }
  }

  text(text: string): string {
    if (text === "") return text;
    let shown = this.search()?.text(text) ?? text;
    for (const value of this.literal) if (shown !== MASK) shown = shown.replaceAll(value, MASK);
    return shown;
  }

  /** Whether the text holds something that must not be shown. */
  finds(text: string): boolean {
    return this.text(text) !== text;
  }

  private search(): SecretMask | undefined {
    if (this.isBuilt) return this.built;
    this.isBuilt = true;
    try {
      this.built = new SecretMask([...this.searched].map((value) => Buffer.from(value)));
    } catch {
      // Too large together for the search in other forms: the newest are replaced as they are.
      for (const value of [...this.searched].slice(-1)) {
        this.searched.delete(value);
        this.literal.add(value);
        for (const line of value.split(/\r?\n/)) if (line.length >= MIN_SEARCHED) this.literal.add(line);
      }
      this.isBuilt = false;
      return this.search();
    }
    return this.built;
  }
}
