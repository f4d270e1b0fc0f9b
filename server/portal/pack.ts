import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { sha256Of } from "../../shared/files/sha256.ts";

/** A file of the portal as a browser gets it, in every encoding that makes it smaller. */
export interface PortalFile {
  type: string;
  /** With its quotes (RFC 9110 §8.8.3). */
  etag: string;
  /** Its name changes with its content, so browsers may keep it for ever. */
  isImmutable: boolean;
  identity: Uint8Array<ArrayBuffer>;
  gzip?: Uint8Array<ArrayBuffer>;
  br?: Uint8Array<ArrayBuffer>;
}

/** The portal's files by path, such as `/portal/assets/main-1x2y3z.js`; its pages by pattern, such as `/jobs/:jobId/:part?`. */
export type PortalFiles = ReadonlyMap<string, PortalFile>;

type Body = "identity" | "gzip" | "br";
interface Entry {
  path: string;
  type: string;
  etag: string;
  isImmutable: boolean;
  /** Start and length in the bytes after the list. */
  bodies: Partial<Record<Body, [number, number]>>;
}

const BODIES: readonly Body[] = ["identity", "gzip", "br"];
const LENGTH_BYTES = 4;
const ETAG_LENGTH = 22;
/** Of brotli: 11 is smaller by two percent and takes ten times as long. */
const QUALITY = 9;

export function portalFileOf(type: string, text: Uint8Array<ArrayBuffer>, isImmutable: boolean): PortalFile {
  const etag = `"${sha256Of(text).slice(0, ETAG_LENGTH)}"`;
  const gzip = new Uint8Array(gzipSync(text, { level: 9 }));
  const br = new Uint8Array(
    brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_QUALITY]: QUALITY } }),
  );
  const isSmaller = (body: Uint8Array) => body.byteLength < text.byteLength;
  return {
    ...{ type, etag, isImmutable, identity: text },
    ...(isSmaller(gzip) && { gzip }),
    ...(isSmaller(br) && { br }),
  };
}

/** One file with all of them: the length of a list (4 bytes, big-endian), the list as JSON, and the bodies. */
export function packPortal(files: PortalFiles): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let offset = 0;
  const entries = [...files].map(([path, file]): Entry => {
    const bodies: Entry["bodies"] = {};
    for (const name of BODIES) {
      const body = file[name];
      if (!body) continue;
      bodies[name] = [offset, body.byteLength];
      parts.push(body);
      offset += body.byteLength;
    }
    return { path, type: file.type, etag: file.etag, isImmutable: file.isImmutable, bodies };
  });
  const list = new TextEncoder().encode(JSON.stringify(entries));
  const head = new DataView(new ArrayBuffer(LENGTH_BYTES));
  head.setUint32(0, list.byteLength);
  return new Uint8Array(Buffer.concat([new Uint8Array(head.buffer), list, ...parts]));
}

export function unpackPortal(pack: Uint8Array<ArrayBuffer>): PortalFiles {
  const length = new DataView(pack.buffer, pack.byteOffset).getUint32(0);
  const start = LENGTH_BYTES + length;
  const entries = JSON.parse(new TextDecoder().decode(pack.subarray(LENGTH_BYTES, start))) as Entry[];
  return new Map(
    entries.map(({ path, bodies, ...facts }) => {
      const bodyOf = (name: Body) => {
        const [from, bytes] = bodies[name] ?? [0, 0];
        return pack.subarray(start + from, start + from + bytes);
      };
      const compressed = {
        ...(bodies.gzip && { gzip: bodyOf("gzip") }),
        ...(bodies.br && { br: bodyOf("br") }),
      };
      return [path, { ...facts, identity: bodyOf("identity"), ...compressed }];
    }),
  );
}
