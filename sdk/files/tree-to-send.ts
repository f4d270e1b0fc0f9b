import type { TreeEntry } from "../../shared/files/tree.ts";
import type { Hashing } from "./hashing.ts";

/** A file to send, and what its entry in the tree says. */
export interface FileToSend {
  type: "file";
  /** In the tree. */
  path: string;
  /** The permission bits. */
  mode: number;
  /** The time of the last change, in epoch milliseconds. */
  mtimeMs?: number;
  /** Bytes. */
  size: number;
}

export type EntryToSend<File extends FileToSend> = File | Exclude<TreeEntry, { type: "file" }>;

/** What to send, in the order of a tree. */
export interface TreeToSend<File extends FileToSend> {
  /** `file`: the tree is one file. */
  type: "file" | "directory";
  /** Of the file or directory. */
  name: string;
  entries: readonly EntryToSend<File>[];
  /** The number of files. */
  files: number;
  /** The sizes of all files together. */
  bytes: number;
}

/** A file that is read from its begin to its end. Throws FileError. */
export interface OpenFile {
  /** Fills the target with the next bytes. */
  fill(target: Uint8Array): void | Promise<void>;
  /** Fills the target with all bytes; needs no check. */
  fillWhole(target: Uint8Array): void | Promise<void>;
  /** The file is as it was when its entry was made. Called before the first part and after the last one. */
  check(): void;
  close(): void;
}

/** How a program reads and hashes the files of a tree. */
export interface FileReader<File extends FileToSend> {
  readonly hashing: Hashing;
  /** Throws FileError. */
  open(file: File): OpenFile;
  /** Called after each entry. */
  afterEntry?(): void;
}
