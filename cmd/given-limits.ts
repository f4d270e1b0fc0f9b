import { open } from "node:fs/promises";

const ELF_64_LITTLE = Buffer.from("\x7fELF\x02\x01", "latin1");
const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const DT_STRTAB = 5n;
const DT_STRSZ = 10n;

/**
 * The runtime raises its open-file limit when it starts and forgets the old value, but jobs must get the limit that
 * the agent was given. So this renames the function that the runtime calls, `setrlimit`, to `getrlimit` in the
 * program's table of imported names. The program then raises the limit itself when it needs to, and knows the old one.
 *
 * Returns whether the file is a 64-bit little-endian ELF program. Throws if it is and imports no `setrlimit`.
 */
export async function leaveLimitsAsGiven(path: string): Promise<boolean> {
  const file = await open(path, "r+");
  try {
    const head = Buffer.alloc(64);
    await file.read(head, 0, head.length, 0);
    if (!head.subarray(0, ELF_64_LITTLE.length).equals(ELF_64_LITTLE)) return false;
    const read = async (offset: number, bytes: number) => {
      const part = Buffer.alloc(bytes);
      await file.read(part, 0, bytes, offset);
      return part;
    };
    const { offset, bytes } = await namesOf(head, read);
    const at = (await read(offset, bytes)).indexOf("\0setrlimit\0", 0, "latin1");
    if (at === -1) throw new Error(`${path}: the runtime does not call setrlimit; see cmd/given-limits.ts`);
    await file.write("getrlimit", offset + at + 1, "latin1");
    return true;
  } finally {
    await file.close();
  }
}

type Read = (offset: number, bytes: number) => Promise<Buffer>;

/** Offset and size, in the file, of the names that the program imports from libraries. */
async function namesOf(head: Buffer, read: Read): Promise<{ offset: number; bytes: number }> {
  const entryBytes = head.readUInt16LE(54);
  const headers = await read(Number(head.readBigUInt64LE(32)), entryBytes * head.readUInt16LE(56));
  const segments = Array.from({ length: headers.length / entryBytes }, (_, index) => {
    const header = headers.subarray(index * entryBytes);
    const [offset = 0, address = 0, bytes = 0] = [8, 16, 32].map((at) => Number(header.readBigUInt64LE(at)));
    return { type: header.readUInt32LE(0), offset, address, bytes };
  });
  const dynamic = segments.find((one) => one.type === PT_DYNAMIC);
  if (!dynamic) throw new Error("the program imports no names from libraries");
  const tags = await read(dynamic.offset, dynamic.bytes);
  const tagged = (tag: bigint) => {
    for (let at = 0; at < tags.length; at += 16) {
      if (tags.readBigUInt64LE(at) === tag) return Number(tags.readBigUInt64LE(at + 8));
    }
    return 0;
  };
  const address = tagged(DT_STRTAB);
  const inside = (one: (typeof segments)[number]) =>
    one.type === PT_LOAD && address >= one.address && address < one.address + one.bytes;
  const segment = segments.find(inside);
  if (!segment) throw new Error("the program's imported names are in none of its segments");
  return { offset: segment.offset + address - segment.address, bytes: tagged(DT_STRSZ) };
}
