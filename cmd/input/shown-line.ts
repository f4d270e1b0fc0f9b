import { LeftError } from "../exit/failure.ts";

const MAX_LINE_BYTES = 4_096;
const CTRL_D_ENDS = "SIGINT";

/** Reads a line that a person types on the terminal that is the standard input. Throws LeftError if the input ends. */
export async function readShownLine(): Promise<string> {
  const { stdin } = process;
  const line = Promise.withResolvers<string>();
  const bytes: number[] = [];
  const onData = (chunk: Buffer) => {
    bytes.push(...chunk.subarray(0, MAX_LINE_BYTES - bytes.length));
    if (chunk.includes(0x0a) || bytes.length >= MAX_LINE_BYTES) {
      line.resolve(Buffer.from(bytes).toString("utf8").split("\n")[0] ?? "");
    }
  };
  const onEnd = () => line.reject(new LeftError(CTRL_D_ENDS));
  stdin.on("data", onData).on("end", onEnd).resume();
  try {
    return (await line.promise).trim();
  } finally {
    stdin.off("data", onData).off("end", onEnd);
    stdin.pause();
  }
}
