import type { Automaton } from "./automaton.ts";
import type { View } from "./views.ts";

/** Called for a secret: the place of its first byte, and the place after its last. */
export type OnFound = (from: number, to: number) => void;

const NO_PLACES = new Float64Array(0);

/** Looks for patterns in one view of a stream. */
export class Search {
  private state = 0;
  /** The place after the last byte seen. */
  private end = 0;
  /** The places of the bytes that the state stands for; unused without a view, where they follow from `end`. */
  private places = NO_PLACES;

  /** @param view absent: the bytes as they are. */
  constructor(
    private readonly automaton: Automaton,
    private readonly view?: View,
  ) {}

  /** Looks at the bytes that begin at `place`. */
  look(chunk: Uint8Array, place: number, onFound: OnFound): void {
    this.end = place + chunk.length;
    if (this.view) {
      this.lookDecoded(this.view, chunk, place, onFound);
      return;
    }
    this.state = this.automaton.run(this.state, chunk, chunk.length, (i, length) =>
      onFound(place + i + 1 - length, place + i + 1),
    );
  }

  /** Whether a search in the bytes as they are finds the same in this chunk. */
  wouldSee(chunk: Uint8Array, plain: Search): boolean {
    const escapeByte = this.view?.escapeByte;
    if (escapeByte === undefined || this.view?.pendingFrom !== undefined) return false;
    return (
      this.state === plain.state && this.undecidedFrom === plain.undecidedFrom && !chunk.includes(escapeByte)
    );
  }

  /** Continues where a search in the bytes as they are is now. */
  follow(plain: Search): void {
    this.state = plain.state;
    this.end = plain.end;
    const depth = this.automaton.depthOf(this.state);
    this.places = Float64Array.from({ length: depth }, (_, i) => plain.end - depth + i);
  }

  /** The place of the first byte that may belong to a secret of which the rest has not come. */
  get undecidedFrom(): number | undefined {
    const depth = this.automaton.depthOf(this.state);
    if (depth === 0) return this.view?.pendingFrom;
    return this.view ? this.places[0] : this.end - depth;
  }

  private lookDecoded(view: View, chunk: Uint8Array, place: number, onFound: OnFound): void {
    const { places } = this;
    const decoded = view.decode(chunk, place);
    // Bytes of earlier chunks have negative indexes.
    const fromOf = (i: number) => (i < 0 ? places.at(i) : undefined) ?? decoded.placeOf(i).from;
    this.state = this.automaton.run(this.state, decoded.bytes, decoded.count, (i, length) =>
      onFound(fromOf(i + 1 - length), decoded.placeOf(i).to),
    );
    const depth = this.automaton.depthOf(this.state);
    const first = decoded.count - depth;
    this.places = depth === 0 ? NO_PLACES : Float64Array.from({ length: depth }, (_, i) => fromOf(first + i));
  }
}
