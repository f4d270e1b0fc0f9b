/**
 * One step of a compiled pattern: take a character and go on to the next step, or go on elsewhere without one. Jumps are
 * relative to their own place.
 */
export type Step = { kind: "character"; accepts: Accepts } | { kind: "jump"; to: number[] };
type Accepts = (code: number) => boolean;

const MAX_STEPS = 2_000;
const MAX_REPEAT = 1_000;
const MAX_DEPTH = 50;

/** A pattern that cannot be used, and why. */
export class PatternError extends Error {
  override name = "PatternError";
}

/** Compiles a pattern to steps; reaching the end of the list is a match. Throws PatternError. */
export function parsePattern(source: string): Step[] {
  // A value is matched as a whole, so anchors at the ends say nothing new.
  const inner = source.replace(/^\^/, "").replace(/(?<!\\)((?:\\\\)*)\$$/, "$1");
  const reader = new PatternReader(inner);
  const steps = reader.alternatives(0);
  reader.expectEnd();
  return steps;
}

class PatternReader {
  private readonly characters: string[];
  private at = 0;

  constructor(source: string) {
    this.characters = [...source];
  }

  alternatives(depth: number): Step[] {
    if (depth > MAX_DEPTH) throw new PatternError("has too many groups inside each other");
    let steps = this.sequence(depth);
    while (this.take("|")) {
      const other = this.sequence(depth);
      const either: Step = { kind: "jump", to: [1, steps.length + 2] };
      const over: Step = { kind: "jump", to: [other.length + 1] };
      steps = [either, ...steps, over, ...other];
      if (steps.length > MAX_STEPS) throw tooLarge();
    }
    return steps;
  }

  expectEnd(): void {
    if (this.at < this.characters.length) throw new PatternError("has a ) without its (");
  }

  private sequence(depth: number): Step[] {
    const steps: Step[] = [];
    while (this.at < this.characters.length && this.peek() !== "|" && this.peek() !== ")") {
      steps.push(...this.repeated(this.atom(depth)));
      if (steps.length > MAX_STEPS) throw tooLarge();
    }
    return steps;
  }

  private atom(depth: number): Step[] {
    const character = this.next();
    if (character === "(") return this.group(depth);
    if (character === "[") return [{ kind: "character", accepts: this.characterClass() }];
    if (character === ".") return [{ kind: "character", accepts: (code) => code !== 10 && code !== 13 }];
    if (character === "\\") return [{ kind: "character", accepts: this.escape() }];
    if (character === "^" || character === "$") throw new PatternError(`has a ${character} in its middle`);
    if ("*+?{".includes(character)) throw new PatternError(`has nothing before a ${character} to repeat`);
    return [literal(character)];
  }

  private group(depth: number): Step[] {
    if (this.take("?") && !this.take(":")) {
      throw new PatternError("uses (?…), of which only (?:…) is supported");
    }
    const steps = this.alternatives(depth + 1);
    if (!this.take(")")) throw new PatternError("has a ( without its )");
    return steps;
  }

  private repeated(atom: Step[]): Step[] {
    const times = this.quantifier();
    if (!times) return atom;
    // A lazy quantifier matches the same whole values.
    this.take("?");
    const { min, max } = times;
    if (atom.length * Math.max(min, max === Number.POSITIVE_INFINITY ? 1 : max) > MAX_STEPS) throw tooLarge();
    const steps = Array.from({ length: min }, () => atom).flat();
    if (max === Number.POSITIVE_INFINITY) {
      const size = atom.length;
      return [...steps, { kind: "jump", to: [1, size + 2] }, ...atom, { kind: "jump", to: [-size - 1] }];
    }
    for (let i = min; i < max; i++) steps.push({ kind: "jump", to: [1, atom.length + 1] }, ...atom);
    return steps;
  }

  private quantifier(): { min: number; max: number } | undefined {
    if (this.take("*")) return { min: 0, max: Number.POSITIVE_INFINITY };
    if (this.take("+")) return { min: 1, max: Number.POSITIVE_INFINITY };
    if (this.take("?")) return { min: 0, max: 1 };
    if (!this.take("{")) return undefined;
    const match = /^(\d+)(,(\d*))?\}/.exec(this.characters.slice(this.at, this.at + 12).join(""));
    if (!match) throw new PatternError("has a { that is no {n}, {n,} or {n,m}; a literal one is \\{");
    this.at += match[0].length;
    const min = Number(match[1]);
    const max = match[2] === undefined ? min : match[3] === "" ? Number.POSITIVE_INFINITY : Number(match[3]);
    if (min > max) throw new PatternError(`has {${min},${max}}, whose numbers are out of order`);
    if (Math.max(min, Number.isFinite(max) ? max : 0) > MAX_REPEAT) throw tooLarge();
    return { min, max };
  }

  private characterClass(): Accepts {
    const negated = this.take("^");
    const parts: Accepts[] = [];
    while (this.peek() !== "]") {
      const first = this.classMember();
      if (first.code === undefined || this.peek() !== "-" || this.characters[this.at + 1] === "]") {
        parts.push(first.accepts);
        continue;
      }
      this.next();
      const last = this.classMember();
      const from = first.code;
      const to = last.code ?? -1;
      if (to < from) throw new PatternError("has a range in […] that is out of order");
      parts.push((code) => code >= from && code <= to);
    }
    this.next();
    return (code) => parts.some((accepts) => accepts(code)) !== negated;
  }

  private classMember(): { code: number | undefined; accepts: Accepts } {
    if (this.at >= this.characters.length) throw new PatternError("has a [ without its ]");
    const character = this.next();
    if (character === "\\") {
      const before = this.at;
      const accepts = this.escape();
      const escaped = this.characters[before] ?? "";
      return { code: /[a-zA-Z0-9]/.test(escaped) ? undefined : escaped.codePointAt(0), accepts };
    }
    const code = character.codePointAt(0) ?? 0;
    return { code, accepts: (other) => other === code };
  }

  private escape(): Accepts {
    const character = this.next();
    const named = CLASSES[character.toLowerCase()];
    if (named) return character === character.toLowerCase() ? named : (code) => !named(code);
    const control = CONTROLS[character];
    if (control === undefined && /[a-zA-Z0-9]/.test(character)) {
      throw new PatternError(`uses \\${character}, which is not supported`);
    }
    const code = control ?? character.codePointAt(0);
    return (other) => other === code;
  }

  private peek(): string | undefined {
    if (this.at >= this.characters.length) return undefined;
    return this.characters[this.at];
  }

  private take(character: string): boolean {
    if (this.peek() !== character) return false;
    this.at++;
    return true;
  }

  private next(): string {
    const character = this.characters[this.at++];
    if (character === undefined) throw new PatternError("ends too early");
    return character;
  }
}

const CLASSES: Readonly<Record<string, Accepts>> = {
  d: isDigit,
  w: (code) => isDigit(code) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122) || code === 95,
  s: (code) => /\s/.test(String.fromCodePoint(code)),
};

const CONTROLS: Readonly<Record<string, number>> = { t: 9, n: 10, r: 13 };

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

function literal(character: string): Step {
  const code = character.codePointAt(0);
  return { kind: "character", accepts: (other) => other === code };
}

function tooLarge(): PatternError {
  return new PatternError("is too large: shorten it, or repeat less");
}
