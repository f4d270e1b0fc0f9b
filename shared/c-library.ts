/** The names by which a Linux has its C library, the usual one first. */
export const LINUX_C_LIBRARIES = [
  "libc.so.6",
  "libc.so",
  `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`,
];
