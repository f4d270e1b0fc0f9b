import type { BlockUpload } from "./block-upload.ts";

/** Uploads on their way, and links to them and to finished files. */
export interface Transfers {
  /** A link that accepts the bytes of `upload`. */
  uploadUrl(id: string, upload: BlockUpload): string;
  upload(id: string): BlockUpload | undefined;
  end(id: string): void;
  /** A link to a file, for those who may read it. */
  downloadUrl(path: string, name: string): string;
}
